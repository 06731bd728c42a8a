/** Windows of the engine against the naive ones, over random data, disorder and ways to run. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  approxDistinct,
  avg,
  count,
  first,
  last,
  max,
  micros,
  min,
  quantile,
  run,
  sink,
  sliding,
  source,
  sum,
  t,
  topK,
} from '../../ts/index.ts';
import { forAll } from '../seeds.ts';
import * as exact from './exact.ts';
import { keyText, type NaiveResult, naiveWindows } from './naive-window.ts';

interface Row {
  readonly at: bigint | null;
  readonly key: string | null;
  readonly n: bigint | null;
  readonly x: number;
  readonly word: string | null;
}

interface Case {
  readonly partitions: readonly (readonly Row[])[];
  readonly size: number;
  readonly slide: number;
  readonly offset: number;
  readonly lag: number;
  readonly lateness: number;
  readonly maxAhead: number | undefined;
  readonly parallelism: number;
  readonly batchRows: number;
  /** Whether texts come in dictionaries. */
  readonly encoded: boolean;
}

const schema = (text: typeof t.utf8) => ({
  at: t.timestamp().nullable(),
  key: text().nullable(),
  n: t.i64().nullable(),
  x: t.f64(),
  word: text().nullable(),
});

const row = fc.record<Row>({
  at: fc.option(
    fc.oneof({ weight: 30, arbitrary: fc.bigInt(-40n, 120n) }, fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n))),
    { freq: 12 },
  ),
  key: fc.option(fc.constantFrom('a', 'b', 'c', ''), { freq: 8 }),
  n: fc.option(fc.oneof(fc.bigInt(-5n, 5n), fc.constantFrom(2n ** 55n, -(2n ** 55n))), { freq: 8 }),
  x: fc.oneof(fc.integer({ min: -8, max: 8 }), fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 1e300)),
  word: fc.option(fc.constantFrom('ä', 'z', 'Z', 'a long word that is not kept inline'), { freq: 8 }),
});

const cases = fc.record<Case>({
  partitions: fc.array(fc.array(row, { maxLength: 40 }), { minLength: 1, maxLength: 3 }),
  size: fc.integer({ min: 1, max: 40 }),
  slide: fc.integer({ min: 1, max: 40 }),
  offset: fc.integer({ min: -20, max: 20 }),
  lag: fc.integer({ min: 0, max: 30 }),
  lateness: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
  maxAhead: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  parallelism: fc.integer({ min: 1, max: 4 }),
  batchRows: fc.integer({ min: 1, max: 9 }),
  encoded: fc.boolean(),
});

/** The exact aggregates of a window's rows, in partition order. */
function aggregate(rows: readonly Row[]) {
  const [ns, xs, words] = [rows.map(({ n }) => n), rows.map(({ x }) => x), rows.map(({ word }) => word)];
  const byTime = rows
    .filter(({ word }) => word !== null)
    .map((each, place) => ({ ...each, place }))
    .sort((a, b) => Number((a.at ?? 0n) - (b.at ?? 0n)) || a.place - b.place);
  return {
    rows: exact.count(rows),
    ns: exact.count(ns),
    sum: exact.sum(ns),
    mean: exact.mean(ns),
    least: exact.min(ns),
    most: exact.max(ns),
    mostX: xs.some(Number.isNaN) ? Number.NaN : Math.max(...xs),
    total: xs.reduce((sum, x) => sum + x, 0),
    early: byTime[0]?.word ?? null,
    late: byTime.at(-1)?.word ?? null,
    median: median(ns.filter((n) => n !== null)),
    words: exact.distinct(words),
    top: exact.topK(words, 2),
  };
}

type Result = ReturnType<typeof aggregate>;
type Changed = Result & { op: string; key: string | null; window_start: bigint; window_end: bigint };

function median(values: readonly bigint[]): number | null {
  const sorted = values.map(Number).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return low === undefined || high === undefined ? null : low + (high - low) * (middle - Math.floor(middle));
}

function naive(tried: Case): NaiveResult<Row, Result> {
  return naiveWindows(tried.partitions, {
    // The engine's times end long before its integers do; what lies beyond is dropped like no time at all.
    time: ({ at }) => (at === null || at > 2n ** 62n || at < -(2n ** 62n) ? null : at),
    key: (each) => [each.key],
    size: BigInt(tried.size),
    slide: BigInt(tried.slide),
    offset: BigInt(tried.offset),
    lag: BigInt(tried.lag),
    lateness: BigInt(tried.lateness),
    ...(tried.maxAhead === undefined ? {} : { maxAhead: BigInt(tried.maxAhead) }),
    aggregate,
  });
}

async function engine(tried: Case) {
  const { size, slide, offset, lag, lateness, maxAhead, parallelism, batchRows } = tried;
  const columns = { schema: schema(tried.encoded ? t.dictionary : t.utf8) };
  const [one, ...others] = tried.partitions.map((rows) => source.rows([...rows], columns));
  if (one === undefined) throw new Error('no partition');
  const windows = one
    .union(...others)
    .watermark('at', { lag: micros(lag), ...(maxAhead === undefined ? {} : { maxAhead: micros(maxAhead) }) })
    .keyBy('key')
    .window(sliding({ size: micros(size), slide: micros(slide), offset: micros(offset) }), {
      late: 'late',
      lateness: micros(lateness),
    })
    .aggregate((f) => ({
      rows: count(),
      ns: count(f.n),
      sum: sum(f.n),
      mean: avg(f.n),
      least: min(f.n),
      most: max(f.n),
      mostX: max(f.x),
      total: sum(f.x),
      early: first(f.word),
      late: last(f.word),
      median: quantile(f.n, 0.5),
      words: approxDistinct(f.word),
      top: topK(f.word, 2),
    }));
  const changes = windows.to(sink.collect({ mode: 'changelog' }));
  const late = windows.sideOutput('late').to(sink.collect());
  const job = await run([changes, late], { parallelism, batchRows });
  const { metrics } = await job.done;
  return { changes: changes.rows as unknown as Changed[], late: late.rows, metrics };
}

/** The results by key and window, each with its changes in order. */
function byWindow(changes: readonly { op: string; name: string; result: Result }[]) {
  const windows = new Map<string, [string, Result][]>();
  for (const { op, name, result } of changes) windows.set(name, [...(windows.get(name) ?? []), [op, result]]);
  return new Map([...windows].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What does not depend on the order of rows between partitions, with float sums rounded to where summing orders agree. */
function settled({ early, late, total, mostX, ...rest }: Result, single: boolean) {
  const digits = Number.isFinite(total) ? (total + 0).toPrecision(9) : total;
  // Which of two equal zeros is the larger is nobody's promise.
  return { ...rest, mostX: mostX + 0, total: digits, ...(single ? { early, late } : {}) };
}

async function check(tried: Case): Promise<void> {
  const expected = naive(tried);
  const actual = await engine(tried);
  const single = tried.partitions.length === 1;
  const { account } = expected;
  const { metrics } = actual;
  expect({
    rowsIn: metrics.rowsIn,
    lateForAll: metrics.rowsLate,
    inNoWindow: metrics.rowsInNoWindow,
    inSomeWindow: metrics.operators.reduce((sum, { counters }) => sum + (counters.rowsInWindows ?? 0), 0),
    dropped: (metrics.dropped.nullTime ?? 0) + (metrics.dropped.timeOutOfRange ?? 0),
    lateForSome: metrics.rowsLateForSome,
    lateAfterClose: metrics.rowsLateAfterClose,
  }).toEqual({
    rowsIn: account.rowsIn,
    lateForAll: account.lateForAll,
    inNoWindow: account.inNoWindow,
    inSomeWindow: account.inSomeWindow,
    dropped: account.nullTime,
    lateForSome: account.lateForSome,
    lateAfterClose: 0,
  });

  const lateText = (each: Row, lateness: bigint) =>
    `${each.at} ${each.key} ${each.n} ${Object.is(each.x, -0) ? '-0' : each.x} ${each.word} ${lateness}`;
  expect(actual.late.map(({ lateness, ...each }) => lateText(each as Row, lateness)).sort()).toEqual(
    expected.late.map(({ row: each, lateness }) => lateText(each, lateness)).sort(),
  );

  const wanted = byWindow(
    expected.changelog.map(({ op, key, start, end, result }) => ({
      op,
      name: `${keyText(key)} ${start} ${end}`,
      result,
    })),
  );
  const got = byWindow(
    actual.changes.map(({ op, key, window_start, window_end, ...result }) => ({
      op,
      name: `${keyText([key])} ${window_start} ${window_end}`,
      result,
    })),
  );
  expect([...got.keys()]).toEqual([...wanted.keys()]);
  for (const [name, changes] of wanted) {
    const seen = got.get(name) ?? [];
    const plain = (list: [string, Result][]) => list.map(([op, result]) => [op, settled(result, single)]);
    expect(
      seen.map(([op]) => op),
      name,
    ).toEqual(changes.map(([op]) => op));
    // Between partitions late rows may come in any order; what a window first was and what it is in the end may not.
    if (single) expect(plain(seen), name).toEqual(plain(changes));
    else expect(plain(seen.slice(-1)), name).toEqual(plain(changes.slice(-1)));
  }
  const firsts = new Map(
    expected.firstResults.map(({ key, start, end, result }) => [`${keyText(key)} ${start} ${end}`, result]),
  );
  for (const [name, result] of firsts) {
    const [insert] = got.get(name) ?? [];
    expect(insert?.[0]).toBe('+I');
    if (insert !== undefined) expect(settled(insert[1], single), name).toEqual(settled(result, single));
  }
}

test('windows equal the naive ones', () => forAll(cases, check, 150), 300_000);
