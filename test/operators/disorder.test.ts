/** The observed disorder against order statistics computed naively, through the whole engine and over subtasks. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { disorderOf, disorderText } from '../../ts/control/disorder.ts';
import type { NativeMetrics } from '../../ts/control/metrics.ts';
import { run, sink, source, t } from '../../ts/index.ts';
import type { Plan } from '../../ts/plan/generated.ts';

const ERROR = 1 / 32;

/** The smallest value that at least this share of the values does not exceed. */
function orderStatistic(values: readonly number[], share: number): number {
  const ascending = [...values].sort((a, b) => a - b);
  return ascending[Math.max(Math.ceil(share * ascending.length), 1) - 1] as number;
}

function naive(times: readonly number[]): number[] {
  let largest = Number.NEGATIVE_INFINITY;
  return times.map((time) => {
    const disorder = Math.max(largest - time, 0);
    largest = Math.max(largest, time);
    return disorder === Number.POSITIVE_INFINITY ? 0 : disorder;
  });
}

/** Rows that advance by about a fiftieth of what they may lie behind, from microseconds to a year. */
const streams = fc
  .record({
    bits: fc.integer({ min: 1, max: 45 }),
    share: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 2000 }),
  })
  .map(({ bits, share }) =>
    share.map((part, row) => row * Math.ceil(2 ** bits / 50) - Math.floor(part * 2 ** bits)),
  );

it('equals the order statistics within 1/32', async () => {
  await fc.assert(
    fc.asyncProperty(streams, fc.integer({ min: 1, max: 500 }), async (times, batchRows) => {
      const stream = source
        .rows(
          times.map((at) => ({ at: BigInt(at) })),
          { schema: { at: t.timestamp() } },
        )
        .watermark('at', { lag: '5s' })
        .to(sink.blackhole());
      const { metrics } = await (await run(stream, { batchRows })).done;
      const [{ p50, p99, max, lag, name, rows } = expect.fail('no disorder')] = metrics.disorder;
      expect([name, rows, lag]).toEqual(['watermark(at, 5s)', times.length, 5_000_000]);
      const exact = naive(times);
      expect(max).toBe(Math.max(...exact));
      for (const [share, found] of [
        [0.5, p50],
        [0.99, p99],
      ] as const) {
        const expected = orderStatistic(exact, share);
        expect(found).toBeGreaterThanOrEqual(expected);
        expect(found).toBeLessThanOrEqual(expected * (1 + ERROR));
      }
    }),
    // The same cases every time, so that running it again replays a failure.
    { numRuns: 40, seed: 1 },
  );
});

it('is that of all rows where subtasks share them', () => {
  const plan = {
    nodes: [{ uid: 'w', name: 'watermark(at)', op: { op: 'watermark', lag: 60_000_000 } }],
  } as unknown as Plan;
  const subtask = (number: number, disorder: readonly (readonly [number, number])[]) => ({
    uid: 'w',
    name: 'watermark(at)',
    subtask: number,
    counters: {},
    disorder,
  });
  const native = {
    operators: [
      subtask(0, [
        [0, 60],
        [7, 30],
        [900, 5],
      ]),
      subtask(1, [
        [0, 1],
        [8, 3],
        [7_000_000, 1],
      ]),
      { ...subtask(2, []), uid: 'other' },
    ],
  } as unknown as NativeMetrics;
  const [all] = disorderOf(native, plan);
  expect(all).toMatchObject({ uid: 'w', rows: 100, p50: 0, p99: 900, max: 7_000_000, lag: 60_000_000 });
  expect(disorderOf({ ...native, operators: [subtask(0, [])] } as NativeMetrics, plan)).toEqual([]);
});

it('is written to the unit below its largest, and never too small', () => {
  const text = disorderText({
    uid: '',
    name: '',
    rows: 9,
    p50: 0,
    p99: 8_340_000_001,
    max: 99_780_000_000,
    lag: 10_800_000_000,
  });
  expect(text).toBe('p50 0s, p99 2h20m, max 1d4h; lag 3h');
});
