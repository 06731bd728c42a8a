/** Rows in runs: by hand, and against all ways to put them together. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runCost } from './cost.ts';
import { group, type Row } from './group.ts';

/** SmolLM2-135M on two cores, as `bench/run-cost.ts` measured it. */
const COST = runCost({ run: 8.6, token: 1.35, pair: 0.0004, read: 0.008 });
const LIMITS = { blockTokens: 16, maxRunCells: 2 ** 24 };

const row = (sequence: number, start: number, count: number): Row => ({ sequence, start, count });
const runs = (rows: readonly Row[], limits = LIMITS) =>
  group(rows, limits, COST).map((run) => run.map(({ sequence }) => sequence));

test('a row with a long context does not make short ones wait', () => {
  const rows = Array.from({ length: 8 }, (_, at) => row(at, at === 3 ? 4095 : 127, 1));
  expect(runs(rows)).toEqual([[0, 1, 2, 4, 5, 6, 7], [3]]);
});

test.each([1024, 2048, 4096, 8192])(
  'a row with %i tokens of context slows short ones by no more than its own run',
  (context) => {
    const short = Array.from({ length: 7 }, (_, at) => row(at, 127, 1));
    const alone = price([short], LIMITS.maxRunCells);
    const planned = group([...short, row(7, context - 1, 1)], LIMITS, COST);
    const chosen = planned.map((run) => run.map(({ sequence }) => short[sequence] ?? row(7, context - 1, 1)));
    const cost = price(chosen, LIMITS.maxRunCells);
    expect(cost).toBeLessThanOrEqual(alone + COST(1, 1, context));
    // At 4,096 tokens that is less than three times as long; in one run it would be more than ten times.
    if (context !== 4096) return;
    expect(cost / alone).toBeLessThan(3);
    expect(COST(8, 1, context) / alone).toBeGreaterThan(10);
  },
);

test('a token is not padded to the width of a chunk', () => {
  const rows = [row(1, 200, 1), row(2, 300, 1), row(3, 0, 256), row(4, 220, 1)];
  expect(runs(rows)).toEqual([[1, 2, 4], [3]]);
  // Unless that is cheap.
  expect(group(rows, LIMITS, () => 1)).toHaveLength(1);
});

test('rows of one context that differ in width are not kept apart by one between them', () => {
  const rows = [row(1, 4096, 10), row(2, 0, 11), row(3, 4096, 12)];
  expect(runs(rows)).toEqual([[1, 3], [2]]);
});

test('a run has at most so many cells, unless it is one row', () => {
  const rows = Array.from({ length: 5 }, (_, at) => row(at, 0, 64));
  const two = { ...LIMITS, maxRunCells: 2 * 64 * 64 };
  expect(
    runs(rows, two)
      .map((run) => run.length)
      .sort(),
  ).toEqual([1, 2, 2]);
  expect(runs(rows, { ...LIMITS, maxRunCells: 1 })).toHaveLength(5);
});

test('each row is in one run, with its tokens, and no partition of the sorted rows is cheaper', () => {
  const cases = fc.array(fc.record({ start: fc.nat(600), count: fc.integer({ min: 1, max: 70 }) }), {
    maxLength: 7,
  });
  fc.assert(
    fc.property(cases, fc.integer({ min: 1000, max: 300_000 }), (drawn, maxRunCells) => {
      const rows = drawn.map((one, sequence) => ({ sequence, ...one }));
      const limits = { blockTokens: 16, maxRunCells };
      const planned = group(rows, limits, COST);
      expect(planned.flat().sort((a, b) => a.sequence - b.sequence)).toEqual(
        rows.map(({ sequence, count }) => ({ sequence, count })),
      );
      const chosen = planned.map((run) => run.map(({ sequence }) => rows[sequence] as Row));
      const orders = [
        rows.toSorted((a, b) => a.count - b.count || a.start - b.start),
        rows.toSorted((a, b) => a.start - b.start || a.count - b.count),
      ];
      const least = Math.min(
        ...orders.flatMap((order) => partitions(order).map((one) => price(one, maxRunCells))),
      );
      expect(price(chosen, maxRunCells)).toBeCloseTo(least, 9);
    }),
  );
});

/** All ways to cut a list into lists. */
function partitions<T>(list: readonly T[]): T[][][] {
  if (list.length === 0) return [[]];
  return list.flatMap((_, at) =>
    partitions(list.slice(at + 1)).map((rest) => [list.slice(0, at + 1), ...rest]),
  );
}

function price(runs: readonly (readonly Row[])[], maxRunCells: number): number {
  const prices = runs.map((run) => {
    const width = Math.max(...run.map(({ count }) => count));
    const context = Math.ceil((Math.max(...run.map(({ start }) => start)) + width) / 16) * 16;
    const tooLarge = run.length > 1 && run.length * width * context > maxRunCells;
    return tooLarge ? Number.POSITIVE_INFINITY : COST(run.length, width, context);
  });
  return prices.reduce((a, b) => a + b, 0);
}
