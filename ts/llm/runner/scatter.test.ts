/** Scattering and copying beside loops over single numbers. */
import { expect, test } from 'vitest';
import { draw } from '../../../test/seeds.ts';
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import { copyBlocks, scatter, slotsOf } from './scatter.ts';

/** SplitMix32. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x9e3779b9) | 0;
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return ((word ^ (word >>> 15)) >>> 0) % limit;
  };
}

function someShape(below: (limit: number) => number): ModelShape & { parts: number } {
  const sizes = { layers: 1 + below(3), kvHeads: 1 + below(3), headSize: 1 + below(8) };
  const unused = { hidden: 0, inner: 0, heads: 0, vocabulary: 0, context: 0, ropeBase: 0, epsilon: 0 };
  return { ...unused, ...sizes, parts: sizes.layers * 2 * sizes.kvHeads };
}

function numbered(count: number, sign: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => sign * (at + 1));
}

const { seed, runs, replay } = draw(200, 7);

test('scatter writes to the slots of each row what it keeps, and nothing else', () => {
  const below = random(seed);
  for (let run = 0; run < runs; run++) {
    const shape = someShape(below);
    const [rows, width, blocks] = [1 + below(4), 1 + below(20), 4 + below(6)];
    const counts = Array.from({ length: rows }, () => below(width + 1));
    const kept = counts.map((count) => (below(2) === 0 ? count : below(count + 1)));
    const tables = counts.map(() => [1 + below(blocks - 1), 1 + below(blocks - 1), 1 + below(blocks - 1)]);
    const starts = counts.map((count) => below(3 * BLOCK_TOKENS - count));
    const data = numbered(blocks * shape.parts * BLOCK_TOKENS * shape.headSize, -1);
    const newKv = numbered(rows * width * shape.parts * shape.headSize, 1);
    const expected = data.slice();
    for (const [row, count] of kept.entries()) {
      for (let index = 0; index < count; index++) {
        const position = (starts[row] as number) + index;
        const block = tables[row]?.[Math.floor(position / 16)] as number;
        for (let part = 0; part < shape.parts; part++)
          for (let at = 0; at < shape.headSize; at++)
            expected[((block * shape.parts + part) * 16 + (position % 16)) * shape.headSize + at] = newKv[
              ((row * width + index) * shape.parts + part) * shape.headSize + at
            ] as number;
      }
    }
    const slots = Int32Array.from(
      counts.flatMap((count, row) => [...slotsOf(tables[row] as number[], starts[row] as number, count)]),
    );
    const all = counts.every((count, row) => count === kept[row]);
    scatter({ blocks, data }, shape, newKv, { width, counts, slots, ...(all ? {} : { kept }) });
    expect(data, replay).toEqual(expected);
  }
});

test('copyBlocks copies one pair after the other', () => {
  const below = random(seed);
  for (let run = 0; run < runs; run++) {
    const shape = someShape(below);
    const blocks = 2 + below(6);
    const length = shape.parts * BLOCK_TOKENS * shape.headSize;
    const data = numbered(blocks * length, 1);
    const copies = Int32Array.from({ length: 2 * below(4) }, () => 1 + below(blocks - 1));
    const expected = Array.from(data);
    for (let pair = 0; pair < copies.length; pair += 2) {
      const [from, to] = [copies[pair] as number, copies[pair + 1] as number];
      expected.splice(to * length, length, ...expected.slice(from * length, (from + 1) * length));
    }
    copyBlocks({ blocks, data }, shape, copies);
    expect(Array.from(data), replay).toEqual(expected);
  }
});

test('what does not fit is refused, and nothing is written', () => {
  const shape = { ...someShape(random(1)), layers: 1, kvHeads: 1, headSize: 2 };
  const data = numbered(3 * 2 * BLOCK_TOKENS * 2, 1);
  const pool = { blocks: 3, data };
  const before = data.slice();
  const newKv = numbered(2 * 2 * 2, -1);
  const sound = { width: 1, counts: [1, 1], slots: Int32Array.of(16, 33) };
  for (const wrong of [
    { slots: Int32Array.of(16, 15) },
    { slots: Int32Array.of(16, 48) },
    { slots: Int32Array.of(16, -1) },
    { slots: Int32Array.of(16) },
    { width: 2 },
    { counts: [2, 0] },
    { counts: [1, -1] },
    { kept: [1, 2] },
    { kept: [1] },
  ])
    expect(() => scatter(pool, shape, newKv, { ...sound, ...wrong }), JSON.stringify(wrong)).toThrow(
      /^HR_INTERNAL/,
    );
  for (const wrong of [[1], [0, 1], [1, 0], [1, 3], [-1, 1]])
    expect(() => copyBlocks(pool, shape, Int32Array.from([1, 2, ...wrong]))).toThrow(/^HR_INTERNAL/);
  expect(() => scatter(pool, shape, data.subarray(1, 9), sound)).toThrow(/^HR_INTERNAL: an argument lies/);
  expect(data).toEqual(before);
  scatter(pool, shape, newKv, sound);
  expect(data).not.toEqual(before);
});
