/** How large an engine is unless told otherwise. */
import { expect, test } from 'vitest';
import type { ModelShape } from '../import/shape.ts';
import { limitsOf } from './engine-options.ts';

/** A block takes layers · 2 · kvHeads · 16 · headSize floats: 2^20 bytes at 64 layers. */
const shape = (layers: number, context: number): ModelShape => ({
  ...{ layers, context, hidden: 64, inner: 128, heads: 4, kvHeads: 2, headSize: 64 },
  ...{ vocabulary: 512, ropeBase: 10_000, epsilon: 1e-5 },
});
const blocks = (layers: number, context: number, maxNumSeqs?: number) =>
  limitsOf({ events: false, ...(maxNumSeqs === undefined ? {} : { maxNumSeqs }) }, shape(layers, context))
    .kvBlocks;

test('the KV cache takes 1 GiB, twice what its sequences need if that is less, and one context at least', () => {
  expect(blocks(64, 4_096)).toBe(1_024);
  // 16 blocks of a context and the null block, twice, for 64 sequences, and for 3.
  expect(blocks(1, 256)).toBe(2 * 64 * 17);
  expect(blocks(1, 256, 3)).toBe(2 * 3 * 17);
  expect(blocks(64, 32_768)).toBe(2_049);
});

test('an engine in which no request could wait would take none', () => {
  const waiting = (maxQueue: number) => limitsOf({ events: false, maxQueue }, shape(1, 256)).maxQueue;
  expect(waiting(1)).toBe(1);
  expect(() => waiting(0)).toThrow(/HR_OPTION_INVALID.*maxQueue/);
});
