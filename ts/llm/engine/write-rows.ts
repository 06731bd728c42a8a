/** Puts what a run computed into the cache. */

import type { Reservation } from '../block-manager.ts';
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import type { KvPool } from '../runner/runner.ts';
import { scatter } from '../runner/scatter.ts';

/** Copies whole blocks, before a run: `copies` are pairs (from, to). */
export function copyBlocks(
  pool: KvPool,
  { layers, kvHeads, headSize }: ModelShape,
  copies: Int32Array,
): void {
  const floats = layers * 2 * kvHeads * BLOCK_TOKENS * headSize;
  for (let at = 0; at < copies.length; at += 2) {
    const [from = 0, to = 0] = [copies[at], copies[at + 1]];
    pool.data.copyWithin(to * floats, from * floats, (from + 1) * floats);
  }
}

/** Writes the new keys and values of each sound row to its slots. O(their number). */
export function writeRows(
  pool: KvPool,
  shape: ModelShape,
  newKv: Float32Array,
  width: number,
  { starts, counts, tables, width: tableWidth }: Reservation,
  sound: readonly boolean[],
): void {
  for (const [row, good] of sound.entries()) {
    if (!good) continue;
    const blocks = tables.subarray(row * tableWidth, (row + 1) * tableWidth);
    const [start = 0, count = 0] = [starts[row], counts[row]];
    scatter(pool, shape, newKv, { row, width, start, count, blocks });
  }
}
