/**
 * A model whose every logit depends on each token of the context, read from the cache as it lies there: a block that is stale,
 * foreign or of another place changes what comes next. Cheap, and exact, so that thousands of runs can be compared.
 */
import { BLOCK_TOKENS, type ModelShape } from '../../ts/llm/import/shape.ts';
import type { KvPool, ModelRunner, Step, StepResult } from '../../ts/llm/runner/runner.ts';

export const VOCABULARY = 64;
/** In the context, the first makes all numbers behind it none, and the second makes a run throw. */
export const NO_NUMBER = 62;
export const THROWS = 63;

/** A prime below 2^15, so that all products are exact. */
const MODULUS = 32_749;

const SHAPE: ModelShape = {
  ...{ layers: 1, hidden: 1, inner: 1, heads: 2, kvHeads: 1, headSize: 1 },
  ...{ vocabulary: VOCABULARY, context: 4_096, ropeBase: 1, epsilon: 1 },
};

export class HashRunner implements Pick<ModelRunner, 'shape' | 'pool' | 'run'> {
  readonly shape = SHAPE;
  readonly #during: (step: Step) => void;

  /** `during` is called while each run is open; what it throws, the run does. */
  constructor(during: (step: Step) => void = () => {}) {
    this.#during = during;
  }

  pool(blocks: number): KvPool {
    return { blocks, data: new Float32Array(blocks * 2 * BLOCK_TOKENS) };
  }

  async run(step: Step, pool: KvPool): Promise<StepResult> {
    await Promise.resolve();
    this.#during(step);
    const { rows, width, tokens, start, score, logits } = step;
    const newKv = new Float32Array(rows * width * 2);
    const all = new Float32Array(rows * VOCABULARY);
    for (let row = 0; row < rows; row++) {
      const scored = Number(score[2 * row + 1]);
      let hash = context(step, pool, row);
      for (let at = 0; at < width; at++) {
        const token = Number(tokens[row * width + at]);
        const position = Number(start[row]) + at;
        if (token === THROWS && at <= scored) throw new Error('the model does not like this token');
        const place = 2 * (row * width + at);
        newKv[place] = token === NO_NUMBER ? Number.NaN : token;
        newKv[place + 1] = position;
        hash = mixed(hash, newKv[place] as number, position);
        if (at === scored) all.set(logitsOf(hash), row * VOCABULARY);
      }
    }
    const rowOf = (row: number) => all.subarray(row * VOCABULARY, (row + 1) * VOCABULARY);
    return {
      tokens: BigInt64Array.from({ length: rows }, (_, row) => BigInt(likeliest(rowOf(row)))),
      sums: Float32Array.from({ length: rows }, (_, row) =>
        rowOf(row).reduce((sum, logit) => sum + logit, 0),
      ),
      logits: logits ? all : undefined,
      newKv,
    };
  }
}

/** What a row's context before its new tokens comes to. */
function context({ rows, blocks, start }: Step, { data }: KvPool, row: number): number {
  const table = blocks.subarray((row * blocks.length) / rows);
  let hash = 1;
  for (let position = 0; position < Number(start[row]); position++) {
    const first = Number(table[Math.floor(position / BLOCK_TOKENS)]) * 2 * BLOCK_TOKENS;
    const place = first + (position % BLOCK_TOKENS);
    // A value that lies at another place than it was computed for is as wrong as another token.
    hash = mixed(hash, data[place] as number, data[place + BLOCK_TOKENS] as number);
  }
  return hash;
}

const mixed = (hash: number, token: number, position: number): number =>
  (hash * 8_191 + token * 131 + position * 17 + 7) % MODULUS;

function logitsOf(hash: number): Float32Array {
  return Float32Array.from({ length: VOCABULARY }, (_, token) => {
    // The two that make trouble are rare, and come.
    const dislike = token >= NO_NUMBER ? 2 : 0;
    return (((hash * (token + 3) * 613) % MODULUS) / MODULUS) * 6 - dislike;
  });
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++)
    if ((logits[token] as number) > (logits[best] as number)) best = token;
  return best;
}
