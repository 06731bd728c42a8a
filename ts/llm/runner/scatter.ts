/** Puts the keys and values of new tokens where they belong in the cache. */
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import type { KvPool } from './runner.ts';

/** Where a row of a step goes. */
export interface Placement {
  /** The row of the step, and the step's width. */
  readonly row: number;
  readonly width: number;
  /** The position of the first new token, and how many are not padding. */
  readonly start: number;
  readonly count: number;
  /** The blocks of the row's context, in order. */
  readonly blocks: ArrayLike<number>;
}

/** Copies the keys and values of one row of a step into the pool; O(their number). */
export function scatter(pool: KvPool, shape: ModelShape, newKv: Float32Array, placement: Placement): void {
  const parts = shape.layers * 2 * shape.kvHeads;
  const { headSize } = shape;
  for (let index = 0; index < placement.count; index++) {
    const position = placement.start + index;
    const block = placement.blocks[Math.floor(position / BLOCK_TOKENS)] as number;
    const from = (placement.row * placement.width + index) * parts * headSize;
    const to = (block * parts * BLOCK_TOKENS + (position % BLOCK_TOKENS)) * headSize;
    for (let part = 0; part < parts; part++) {
      const at = from + part * headSize;
      pool.data.set(newKv.subarray(at, at + headSize), to + part * BLOCK_TOKENS * headSize);
    }
  }
}
