/**
 * Partitions that have no rows for a while leave the minimum of the watermarks, and come back to it; whether they meet
 * before `watermark()` or behind it makes no difference.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { count, micros, seconds, sliding, source, t, tumbling } from '../../ts/index.ts';
import { testDriver } from '../../ts/testing/index.ts';
import { forAll } from '../seeds.ts';

const IDLE = seconds(10);
const schema = { at: t.timestamp() };
const partition = () => source.rows([], { schema });
const [A, B] = [0, 1];

const meetings = {
  before: (idle: typeof IDLE | undefined) =>
    partition()
      .union(partition())
      .watermark('at', { lag: micros(0), ...(idle && { idle }) }),
  behind: (idle: typeof IDLE | undefined) => {
    const own = () => partition().watermark('at', { lag: micros(0), ...(idle && { idle }) });
    return own().union(own());
  },
};

/** A driver of windows of `size` µs, and what they show. */
function scene(meeting: keyof typeof meetings, { size = 100, slide = 100, idle = true } = {}) {
  const windows = meetings[meeting](idle ? IDLE : undefined)
    .window(sliding({ size: micros(size), slide: micros(slide) }), { late: 'late' })
    .aggregate(() => ({ n: count() }));
  const driver = testDriver(windows);
  return {
    driver,
    /** Pushes rows with these times, one by one. */
    push: (source: number, ...times: readonly number[]) => {
      for (const at of times) driver.push({ at: BigInt(at) }, source);
    },
    /** The windows since the last call: start and number of rows. */
    fired: () => driver.rows().map(({ window_start, n }) => [Number(window_start), Number(n)]),
    /** The late rows since the last call: time and lateness. */
    late: () =>
      driver
        .sideOutput('late')
        .rows()
        .map(({ at, lateness }) => [Number(at), Number(lateness)]),
  };
}

describe.each(['before', 'behind'] as const)('partitions that meet %s watermark()', (meeting) => {
  test('hold the others back until they have been without rows for `idle`', () => {
    const { driver, push, fired } = scene(meeting);
    push(B, 10);
    push(A, 20, 250);
    driver.advanceClock('9999ms');
    expect(fired()).toEqual([]);
    push(A, 260);
    driver.advanceClock('1ms');
    expect(fired()).toEqual([[0, 2]]);
  });

  test('are idle also when they never had rows', () => {
    const { driver, push, fired } = scene(meeting);
    push(A, 20, 250);
    driver.advanceClock('5s');
    push(A, 260);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[0, 1]]);
  });

  test('are never idle without `idle`', () => {
    const { driver, push, fired } = scene(meeting, { idle: false });
    push(A, 20, 250);
    driver.advanceClock('365d');
    expect(fired()).toEqual([]);
  });

  test('begin to be idle with their last row', () => {
    const { driver, push, fired } = scene(meeting);
    push(A, 20, 250);
    for (const at of [10, 11, 12]) {
      push(B, at);
      driver.advanceClock('9s');
      push(A, 251);
    }
    expect(fired()).toEqual([]);
    driver.advanceClock('1s');
    expect(fired()).toEqual([[0, 4]]);
  });

  test('come back without pulling the watermark back, and hold it until they have caught up', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(A, 20, 250);
    driver.advanceClock('5s');
    push(A, 260);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[0, 1]]);
    // Behind the watermark of 260, but in a window that is open still.
    push(B, 210);
    push(A, 420, 430);
    expect(fired()).toEqual([]);
    push(B, 290);
    push(A, 440);
    expect(fired()).toEqual([]);
    push(B, 305);
    expect(fired()).toEqual([[200, 4]]);
    expect(late()).toEqual([]);
  });

  test('have rows judged by the watermark that others have moved on', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(B, 10);
    push(A, 20, 250);
    driver.advanceClock('5s');
    push(A, 270);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[0, 2]]);
    // The first is late only because B was idle; the last is so by its own partition's rows too.
    push(B, 90, 200, 80);
    expect(late()).toEqual([
      [90, 180],
      [80, 190],
    ]);
    expect(driver.metrics()).toMatchObject({ rowsLate: 2, rowsLateAfterClose: 1 });
    push(A, 300);
    driver.advanceClock('5s');
    push(A, 301);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[200, 3]]);
  });

  test('may all be idle: the watermark stands still, and whoever comes first takes it on', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(A, 20, 160);
    push(B, 10, 150);
    expect(fired()).toEqual([[0, 2]]);
    driver.advanceClock('1h');
    expect(fired()).toEqual([]);
    push(A, 260, 320);
    expect(fired()).toEqual([
      [100, 2],
      [200, 1],
    ]);
    // B is back, so that A alone moves nothing.
    push(B, 330);
    push(A, 450);
    expect(fired()).toEqual([]);
    push(B, 460);
    expect(fired()).toEqual([[300, 2]]);
    expect(late()).toEqual([]);
  });

  test('that all were idle hold the watermark again although they are behind it', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(A, 250);
    push(B, 240);
    driver.advanceClock('10s');
    // Not even its own watermark moves.
    push(B, 235);
    push(A, 300, 400);
    expect(fired()).toEqual([]);
    push(B, 290, 300);
    expect(fired()).toEqual([[200, 4]]);
    expect(late()).toEqual([]);
  });

  test('come back also when the test moves the watermark', () => {
    const { driver, push, fired } = scene(meeting);
    push(A, 20);
    push(B, 10);
    driver.advanceClock('1h');
    driver.advanceWatermark(100n);
    expect(fired()).toEqual([[0, 2]]);
  });

  test('may be idle when they end: everything fires', () => {
    const { driver, push, fired } = scene(meeting);
    push(A, 20, 250);
    push(B, 10);
    driver.advanceClock('1h');
    driver.finish();
    expect(fired()).toEqual([
      [0, 2],
      [200, 1],
    ]);
  });

  test('have lost nothing when all others have ended', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(A, 20, 250);
    push(B, 10);
    driver.advanceClock('5s');
    push(A, 260);
    driver.advanceClock('5s');
    driver.finish(A);
    expect(fired()).toEqual([[0, 2]]);
    push(B, 210);
    driver.finish(B);
    expect(fired()).toEqual([[200, 3]]);
    expect(late()).toEqual([]);
  });

  test('do not keep back what others had reached when they ended', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(B, 10);
    push(A, 20, 250);
    // A ends before the time has gone by after which B is idle.
    driver.finish(A);
    expect(fired()).toEqual([]);
    driver.advanceClock('10s');
    expect(fired()).toEqual([[0, 2]]);
    push(B, 210, 260);
    expect(fired()).toEqual([]);
    driver.finish(B);
    expect(fired()).toEqual([[200, 3]]);
    expect(late()).toEqual([]);
  });

  test('are as they were told to be after a crash: the watermark stays, idleness is found out again', () => {
    const { driver, push, fired, late } = scene(meeting);
    push(A, 20, 250);
    push(B, 10);
    driver.advanceClock('5s');
    push(A, 260);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[0, 2]]);
    driver.crashAndRestore();
    push(A, 390);
    expect(fired()).toEqual([]);
    driver.advanceClock('5s');
    push(A, 391);
    driver.advanceClock('5s');
    expect(fired()).toEqual([[200, 2]]);
    push(B, 80);
    expect(late()).toEqual([[80, 311]]);
  });
});

test('idle time does not run while the rest of the job holds the source back', async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const windows = partition()
    .union(partition())
    .watermark('at', { lag: micros(0), idle: IDLE })
    .mapBatches(
      async (batch) => {
        await released;
        return { at: batch.column('at').values };
      },
      { schema, timeout: '10m' },
    )
    .watermark('at', { lag: micros(0) })
    .window(tumbling(micros(100_000)))
    .aggregate(() => ({ n: count() }));
  const driver = testDriver(windows);
  // As many rows as a channel holds: they are with the function, in its channel, and with whom cannot send them.
  const many = (from: number) => Array.from({ length: 65_536 }, (_, row) => ({ at: BigInt(from + row) }));
  driver.push({ at: 0n }, A);
  driver.push({ at: 0n }, B);
  for (const turn of [0, 1, 2]) driver.push(many(turn * 65_536), A);
  driver.push(many(0), B);
  driver.advanceClock('1m');
  release();
  await driver.settle();
  expect(driver.metrics()).toMatchObject({ rowsLate: 0, rowsIn: 4 * 65_536 + 2 });
});

const SIZE = 20;

interface Case {
  /** Microseconds between the starts of windows of `SIZE` µs. */
  readonly slide: number;
  /** A row of a partition at this time, or seconds that go by. */
  readonly steps: readonly (
    | { readonly source: number; readonly at: number }
    | { readonly seconds: number }
  )[];
}

const row = fc.record({ source: fc.constantFrom(A, B), at: fc.integer({ min: 0, max: 99 }) });
const cases = fc.record<Case>({
  slide: fc.constantFrom(7, SIZE),
  steps: fc.array(
    fc.oneof({ weight: 3, arbitrary: row }, fc.record({ seconds: fc.integer({ min: 1, max: 12 }) })),
    {
      maxLength: 80,
    },
  ),
});

/** The account of the rows of both partitions, with idleness or without. */
function account({ slide, steps }: Case, meeting: keyof typeof meetings, idle: boolean) {
  const { driver, push, fired } = scene(meeting, { size: SIZE, slide, idle });
  for (const step of steps) {
    if ('seconds' in step) driver.advanceClock(seconds(step.seconds));
    else push(step.source, step.at);
  }
  driver.finish();
  const { rowsIn, rowsLate, rowsLateAfterClose, operators } = driver.metrics();
  const rowsInWindows = operators.reduce((sum, { counters }) => sum + (counters.rowsInWindows ?? 0), 0);
  expect(rowsInWindows + rowsLate).toBe(rowsIn);
  const windows = new Map(fired().map(([start, n]) => [start, n] as [number, number]));
  return { rowsLate, rowsLateAfterClose, windows };
}

let afterClose = 0;

test('idleness takes rows out of windows only where it counts them', async () => {
  await forAll(
    cases,
    async (tried) => {
      for (const meeting of ['before', 'behind'] as const) {
        const [without, idle] = [account(tried, meeting, false), account(tried, meeting, true)];
        expect(without.rowsLateAfterClose).toBe(0);
        expect(idle.rowsLate - idle.rowsLateAfterClose).toBe(without.rowsLate);
        for (const [start, n] of idle.windows) expect(n).toBeLessThanOrEqual(without.windows.get(start) ?? 0);
        // Where windows overlap, a row may be late for more of them than it was, which nobody counts.
        if (tried.slide === SIZE && idle.rowsLateAfterClose === 0)
          expect(idle.windows).toEqual(without.windows);
        afterClose += idle.rowsLateAfterClose;
      }
    },
    150,
  );
  // Else nothing would have been shown.
  expect(afterClose).toBeGreaterThan(0);
});
