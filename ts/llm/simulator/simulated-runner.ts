/** A model that computes nothing and takes no time: it moves a clock by what its runs would take. */
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import type { KvPool, ModelRunner, Step, StepResult } from '../runner/runner.ts';
import type { RunCost } from '../scheduler/step-plan.ts';

/** Time that passes only when somebody says so, in milliseconds. */
export class VirtualClock {
  #ms = 0;

  readonly now = (): number => this.#ms;

  advance(ms: number): void {
    this.#ms += ms;
  }

  /** Goes on to a time; does nothing if it has passed. */
  advanceTo(ms: number): void {
    this.#ms = Math.max(this.#ms, ms);
  }
}

/** Tokens of the simulated model. */
export const SIMULATED_VOCABULARY = 4_096;

/** One number for the keys and one for the values of a token, so that a cache of any size fits. */
const SHAPE: ModelShape = {
  ...{ layers: 1, hidden: 1, inner: 1, heads: 2, kvHeads: 1, headSize: 1 },
  ...{ vocabulary: SIMULATED_VOCABULARY, context: 2 ** 26, ropeBase: 1, epsilon: 1 },
};

export class SimulatedRunner implements Pick<ModelRunner, 'shape' | 'pool' | 'run'> {
  readonly shape = SHAPE;
  readonly #clock: VirtualClock;
  readonly #cost: RunCost;

  constructor(clock: VirtualClock, cost: RunCost) {
    this.#clock = clock;
    this.#cost = cost;
  }

  pool(blocks: number): KvPool {
    return { blocks, data: new Float32Array(blocks * 2 * BLOCK_TOKENS) };
  }

  async run({ rows, width, tokens, blocks, score }: Step): Promise<StepResult> {
    const context = (blocks.length / rows) * BLOCK_TOKENS;
    this.#clock.advance(this.#cost(rows, width, context));
    return {
      // Equal rows go on equally, as those of a model do.
      tokens: BigInt64Array.from({ length: rows }, (_, row) => {
        const last = tokens[row * width + Number(score[2 * row + 1])] as bigint;
        return (last * 31n + 7n) % BigInt(SIMULATED_VOCABULARY);
      }),
      sums: new Float32Array(rows),
      logits: undefined,
      newKv: new Float32Array(rows * width * 2),
    };
  }
}
