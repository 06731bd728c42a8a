/** Puts the keys and values of new tokens where they belong in the cache, and copies its blocks. */
import { native } from '../../binding.ts';
import { fromNative } from '../../errors.ts';
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import type { KvPool } from './runner.ts';

/** Which results of a step are written, and where to. */
export interface Placement {
  /** The step's width: new tokens of each row, padding included. */
  readonly width: number;
  /** By row: new tokens that have a slot; {@link Reservation.counts}. */
  readonly counts: ArrayLike<number>;
  /** Row after row, the slot of each of them: block · 16 + place in the block; {@link Reservation.slots}. */
  readonly slots: Int32Array;
  /** By row: how many of them are written, from the first on, as for {@link BlockManager.commit}; all unless told. */
  readonly kept?: ArrayLike<number>;
}

/**
 * Copies what a step computed (its `newKv`) into the pool; O(floats written), with one crossing. Throws `HR_INTERNAL`, and
 * has written nothing, if the parts do not fit each other, or for a slot of block 0 or outside the pool.
 */
export function scatter(pool: KvPool, shape: ModelShape, newKv: Float32Array, placement: Placement): void {
  const { width, slots } = placement;
  const counts = Uint32Array.from(placement.counts);
  const kept = placement.kept === undefined ? counts : Uint32Array.from(placement.kept);
  const sizes = Uint32Array.of(parts(shape), BLOCK_TOKENS, shape.headSize, width);
  try {
    native.scatterKv(pool.data, newKv, sizes, counts, kept, slots);
  } catch (error) {
    throw fromNative(error);
  }
}

/**
 * Copies whole blocks of the pool, one pair (from, to) of `copies` after the other; {@link Reservation.copies}. O(floats
 * written). Throws `HR_INTERNAL`, and has written nothing, for block 0 or one outside the pool.
 */
export function copyBlocks(pool: KvPool, shape: ModelShape, copies: Int32Array): void {
  if (copies.length === 0) return;
  try {
    native.copyBlocks(pool.data, parts(shape) * BLOCK_TOKENS * shape.headSize, copies);
  } catch (error) {
    throw fromNative(error);
  }
}

/** The slots of `count` positions from `start` on, in a context that lies in `blocks`. */
export function slotsOf(blocks: ArrayLike<number>, start: number, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => {
    const position = start + index;
    const block = blocks[Math.floor(position / BLOCK_TOKENS)] as number;
    return block * BLOCK_TOKENS + (position % BLOCK_TOKENS);
  });
}

/** What a token has in the pool, `headSize` floats each. */
const parts = ({ layers, kvHeads }: ModelShape) => layers * 2 * kvHeads;
