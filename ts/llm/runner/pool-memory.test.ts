/** Memory for a KV cache is found before it is written. */
import { expect, test } from 'vitest';
import { PoolMemory } from './pool-memory.ts';

test.skipIf(process.platform !== 'linux')('memory is found a part at a time, and holds what it held', () => {
  const data = new Float32Array(2 ** 24 + 5);
  data.set([1, 2, 3]);
  data[2 ** 20] = 4;
  const memory = new PoolMemory({ blocks: 1, data });
  const before = process.memoryUsage.rss();
  let parts = 0;
  while (memory.next()) parts++;
  // The system has pages for all of it now, less those of which it had some.
  expect(process.memoryUsage.rss() - before).toBeGreaterThan(0.8 * data.byteLength);
  expect(parts).toBe(33);
  expect(memory.next()).toBe(false);
  expect([...data.subarray(0, 4), data[2 ** 20], data.at(-1)]).toEqual([1, 2, 3, 0, 4, 0]);
});
