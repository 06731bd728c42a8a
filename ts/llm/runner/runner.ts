/** What runs a model: one step over a batch of rows. The engine knows no other way to a model. */
import type { ModelShape } from '../import/shape.ts';

/** One step. Rows that are shorter than `width` are padded behind; what becomes of padding is undefined. */
export interface Step {
  readonly rows: number;
  /** New tokens of each row. */
  readonly width: number;
  /** `rows · width` token ids. */
  readonly tokens: BigInt64Array;
  /** The position of each row's first new token. */
  readonly start: BigInt64Array;
  /** The blocks of each row's context, `rows · n` of them with n · 16 ≥ start + width; padded with block 0. */
  readonly blocks: BigInt64Array;
  /** Pairs of a row and the index of a new token in it, whose next token is asked for. */
  readonly score: BigInt64Array;
  /** Whether the logits are wanted, besides the likeliest token. */
  readonly logits: boolean;
}

/** What a step computed; the arrays are the caller's, who gives them back with `free`. */
export interface StepResult {
  /** For each scored pair the likeliest next token, of equals the lowest. */
  readonly tokens: BigInt64Array;
  /** For each scored pair the sum of its logits: not finite if one of them is not. */
  readonly sums: Float32Array;
  /** Row after row, if wanted. */
  readonly logits: Float32Array | undefined;
  /** `rows · width · layers · 2 · kvHeads · headSize`: the keys and values of the new tokens, not yet in the cache. */
  readonly newKv: Float32Array;
}

/**
 * A key-value cache: `blocks` of `layers · 2 · kvHeads · 16 · headSize` floats each, in the order block, layer, keys or
 * values, head, token. Its memory stays where it is.
 */
export interface KvPool {
  readonly blocks: number;
  readonly data: Float32Array;
}

export interface ModelRunner {
  readonly shape: ModelShape;
  /** A cache of zeros. Block 0 must stay so: it pads. */
  pool(blocks: number): KvPool;
  /** Runs one step over a cache of this runner's. It only reads the cache. */
  run(step: Step, pool: KvPool): Promise<StepResult>;
  /** Frees the model; the runner cannot be used any more. */
  release(): Promise<void>;
}
