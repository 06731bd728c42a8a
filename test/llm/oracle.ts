/**
 * The forward pass of a llama model, written from its definition in double precision: no cache, no blocks, no batch. It takes
 * the weights as numbers and shares no code with the engine.
 */
import type { Matrix, TinyModel } from './tiny-model.ts';

/** The logits behind each token. */
export function oracleLogits({ weights, shape }: TinyModel, tokens: readonly number[]): Float64Array[] {
  const weight = (name: string): Matrix => {
    const found = weights.get(`${name}.weight`);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  const norm = (x: Float64Array, name: string) => rootMeanSquareNorm(x, weight(name).values, shape.epsilon);
  let streams = tokens.map((token) => row(weight('token_embd'), token));
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = `blk.${layer}.`;
    const normed = streams.map((x) => norm(x, `${block}attn_norm`));
    const project = (name: string, turned: boolean) =>
      normed.map((x, position) => {
        const y = times(weight(block + name), x);
        return turned ? rotate(y, position, shape.headSize, shape.ropeBase) : y;
      });
    const [queries, keys, values] = [
      project('attn_q', true),
      project('attn_k', true),
      project('attn_v', false),
    ];
    const attended = queries.map((query, position) =>
      attend(query, keys.slice(0, position + 1), values.slice(0, position + 1), shape),
    );
    streams = streams.map((x, at) =>
      plus(x, times(weight(`${block}attn_output`), attended[at] as Float64Array)),
    );
    streams = streams.map((x) => {
      const y = norm(x, `${block}ffn_norm`);
      const gate = times(weight(`${block}ffn_gate`), y);
      const up = times(weight(`${block}ffn_up`), y);
      const inner = gate.map((g, at) => (g / (1 + Math.exp(-g))) * (up[at] as number));
      return plus(x, times(weight(`${block}ffn_down`), inner));
    });
  }
  const head = weights.get('output.weight') ?? weight('token_embd');
  return streams.map((x) => times(head, norm(x, 'output_norm')));
}

/** What one token sees of those up to itself, head by head. */
function attend(
  query: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  { heads, kvHeads, headSize }: TinyModel['shape'],
): Float64Array {
  const seen = new Float64Array(heads * headSize);
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor(head / (heads / kvHeads)) * headSize;
    const q = query.subarray(head * headSize, (head + 1) * headSize);
    const scores = keys.map((key) => dot(q, key.subarray(shared, shared + headSize)) / Math.sqrt(headSize));
    const largest = Math.max(...scores);
    const shares = scores.map((score) => Math.exp(score - largest));
    const total = shares.reduce((sum, share) => sum + share, 0);
    for (const [at, value] of values.entries()) {
      for (let index = 0; index < headSize; index++) {
        const place = head * headSize + index;
        seen[place] = (seen[place] ?? 0) + ((shares[at] ?? 0) / total) * (value[shared + index] ?? 0);
      }
    }
  }
  return seen;
}

/** Turns each pair of neighbours of each head by an angle that its position and place give. */
function rotate(x: Float64Array, position: number, headSize: number, base: number): Float64Array {
  const turned = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += 2) {
    const angle = position * base ** (-(at % headSize) / headSize);
    const [a, b] = [x[at] ?? 0, x[at + 1] ?? 0];
    turned[at] = a * Math.cos(angle) - b * Math.sin(angle);
    turned[at + 1] = a * Math.sin(angle) + b * Math.cos(angle);
  }
  return turned;
}

function rootMeanSquareNorm(x: Float64Array, gain: Float64Array, epsilon: number): Float64Array {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + epsilon);
  return x.map((value, at) => value * scale * (gain[at] ?? 0));
}

const row = ({ values, columns }: Matrix, at: number): Float64Array =>
  values.subarray(at * columns, (at + 1) * columns);

const times = (matrix: Matrix, x: Float64Array): Float64Array =>
  Float64Array.from({ length: matrix.rows }, (_, at) => dot(row(matrix, at), x));

const plus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, at) => value + (b[at] ?? 0));

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}
