/** Windows from end to end: keys, shapes, aggregates, late rows, and the test driver. */
import { describe, expect, test } from 'vitest';
import { flightsFile, HOUR, MINUTE } from '../../examples/flights/dataset.ts';
import { flightsPipeline } from '../../examples/flights/pipeline.ts';
import {
  approxDistinct,
  at,
  avg,
  count,
  explain,
  first,
  hours,
  last,
  max,
  min,
  minutes,
  quantile,
  sink,
  sliding,
  source,
  stddev,
  sum,
  t,
  topK,
  tumbling,
} from '../../ts/index.ts';
import { testDriver } from '../../ts/testing/index.ts';
import { finished } from '../finished.ts';

const schema = { key: t.utf8(), n: t.i64().nullable(), x: t.f64(), time: t.timestamp() };
const row = (time: string, key: string, n: bigint | null, x = 0) => ({ key, n, x, time: at(time) });
const timed = (list: readonly ReturnType<typeof row>[], lag = '0s') =>
  source.rows(list, { schema }).watermark('time', { lag });

describe('shapes of windows', () => {
  const starts = async (
    spec: Parameters<ReturnType<typeof timed>['window']>[0],
    times: readonly string[],
  ) => {
    const out = timed(
      times.map((time) => row(time, 'k', 1n)),
      '1d',
    )
      .window(spec)
      .aggregate(() => ({ rows: count() }))
      .to(sink.collect());
    const { metrics } = await finished(out, {}, { windows: 1 });
    const text = (micros: bigint) => new Date(Number(micros / 1000n)).toISOString().slice(11, 16);
    const seen = out.rows.map(({ window_start, rows }) => `${text(window_start)}=${rows}`).sort();
    return { seen, inNoWindow: metrics.rowsInNoWindow };
  };

  test.each([
    ['tumbling', tumbling(hours(1)), ['01:00=2', '02:00=1'], 0],
    ['with an offset', tumbling(hours(1), { offset: minutes(30) }), ['00:30=1', '01:30=2'], 0],
    ['with a negative offset', tumbling(hours(1), { offset: '-15m' }), ['00:45=1', '01:45=2'], 0],
    [
      'a slide that does not divide the size',
      sliding({ size: minutes(50), slide: minutes(20) }),
      ['00:20=1', '00:40=1', '01:00=1', '01:20=2', '01:40=2', '02:00=1'],
      0,
    ],
    ['gaps', sliding({ size: minutes(10), slide: hours(1) }), ['01:00=1', '02:00=1'], 1],
  ] as const)('%s', async (_, spec, seen, inNoWindow) => {
    expect(await starts(spec, ['01:05', '01:59', '02:00'])).toEqual({ seen, inNoWindow });
  });
});

test('keys of several columns and of every type, null and NaN among them', async () => {
  const types = {
    bool: t.bool().nullable(),
    i32: t.i32(),
    f64: t.f64(),
    utf8: t.utf8().nullable(),
    binary: t.binary(),
    date: t.date(),
    stamp: t.timestamp(),
    span: t.duration(),
    f32: t.f32(),
    i64: t.i64(),
  };
  const one = {
    bool: null,
    i32: -1,
    f64: Number.NaN,
    utf8: 'é',
    binary: Uint8Array.of(0, 255),
    date: -1,
    stamp: -1n,
    span: 5n,
    f32: 0,
    i64: 2n ** 62n,
  };
  const list = [
    one,
    { ...one, f32: -0 },
    { ...one, utf8: null },
    { ...one, utf8: '' },
    { ...one, f64: 0 },
    { ...one, f64: -0 },
  ];
  const out = source
    .rows(
      list.map((each) => ({ ...each, time: 0n })),
      { schema: { ...types, time: t.timestamp() } },
    )
    .watermark('time', { lag: '0s' })
    .keyBy('bool', 'i32', 'f64', 'utf8', 'binary', 'date', 'stamp', 'span', 'f32', 'i64')
    .window(tumbling(hours(1)))
    .aggregate(() => ({ rows: count() }))
    .to(sink.collect());
  await finished(out, { parallelism: 3 }, { windows: 1 });
  const seen = out.rows.map(({ utf8, f64, rows }) => `${utf8} ${f64 + 0} ${rows}`).sort();
  expect(seen).toEqual([' NaN 1', 'null NaN 1', 'é 0 2', 'é NaN 2']);
  const [twice] = out.rows.filter(({ f64, utf8 }) => Number.isNaN(f64) && utf8 === 'é');
  expect(twice).toMatchObject({ ...one, f32: expect.closeTo(0) });
});

test('every aggregate, and each with a filter', async () => {
  const list = [
    row('08:00', 'a', 4n, 1),
    row('08:10', 'b', null, 2),
    row('08:05', 'a', 1n, 4),
    row('08:20', 'c', 7n, 5),
  ];
  const out = timed(list, '1h')
    .window(tumbling(hours(1)))
    .aggregate((f) => {
      const some = f.key.eq('a');
      const none = f.key.eq('z');
      const all = {
        rows: count(),
        ns: count(f.n),
        sum: sum(f.n),
        total: sum(f.x),
        mean: avg(f.n),
        least: min(f.x),
        most: max(f.key),
        deviation: stddev(f.x),
        early: first(f.n),
        late: last(f.n),
        median: quantile(f.x, 0.5),
        keys: approxDistinct(f.key),
        top: topK(f.key, 2),
      };
      const filtered = Object.entries(all).flatMap(([name, aggregate]) => [
        [`${name}Some`, aggregate.filter(some)],
        [`${name}None`, aggregate.filter(none)],
      ]);
      return { ...all, ...(Object.fromEntries(filtered) as Record<string, never>) };
    })
    .to(sink.collect());
  await finished(out, { batchRows: 1 }, { windows: 1 });
  const [result] = out.rows as unknown as Record<string, unknown>[];
  const named = (suffix: string) =>
    Object.fromEntries(
      [
        'rows',
        'ns',
        'sum',
        'total',
        'mean',
        'least',
        'most',
        'deviation',
        'early',
        'late',
        'median',
        'keys',
        'top',
      ].map((name) => [name, result?.[`${name}${suffix}`]]),
    );
  expect(named('')).toEqual({
    ...{
      rows: 4n,
      ns: 3n,
      sum: 12n,
      total: 12,
      mean: 4,
      least: 1,
      most: 'c',
      early: 4n,
      late: 7n,
      median: 3,
    },
    ...{
      keys: 3n,
      top: [
        { value: 'a', count: 2n },
        { value: 'b', count: 1n },
      ],
    },
    deviation: expect.closeTo(Math.sqrt(10 / 3), 12),
  });
  expect(named('Some')).toEqual({
    ...{
      rows: 2n,
      ns: 2n,
      sum: 5n,
      total: 5,
      mean: 2.5,
      least: 1,
      most: 'a',
      early: 4n,
      late: 1n,
      median: 2.5,
    },
    ...{ keys: 1n, top: [{ value: 'a', count: 2n }], deviation: expect.closeTo(Math.sqrt(4.5), 12) },
  });
  expect(named('None')).toEqual({
    ...{
      rows: 0n,
      ns: 0n,
      sum: null,
      total: null,
      mean: null,
      least: null,
      most: null,
      early: null,
      late: null,
    },
    ...{ median: null, keys: 0n, top: [], deviation: null },
  });
});

test('two windows in sequence', async () => {
  const list = Array.from({ length: 240 }, (_, index) => ({
    key: `k${index % 3}`,
    n: BigInt(index),
    x: 0,
    time: BigInt(index) * 60_000_000n,
  }));
  for (const parallelism of [1, 3]) {
    const out = timed(list)
      .keyBy('key')
      .window(tumbling(minutes(10)))
      .aggregate((f) => ({ n: sum(f.n) }))
      .window(tumbling(hours(1)))
      .aggregate((f) => ({ parts: count(), n: sum(f.n) }))
      .to(sink.collect());
    await finished(out, { parallelism });
    const rows = [...out.rows].sort((a, b) => Number(a.window_start - b.window_start));
    const hour = (start: number) =>
      list.slice(start * 60, start * 60 + 60).reduce((total, { n }) => total + n, 0n);
    expect(rows.map(({ parts, n }) => [parts, n])).toEqual([0, 1, 2, 3].map((start) => [18n, hour(start)]));
  }
});

test('a union waits for the slower of its streams', () => {
  const other = source.rows([], { schema });
  const windows = source
    .rows([], { schema })
    .union(other)
    .watermark('time', { lag: '0s' })
    .window(tumbling(hours(1)))
    .aggregate(() => ({ rows: count() }));
  const driver = testDriver(windows);
  driver.push(row('08:10', 'a', 1n), 0);
  driver.push(row('10:00', 'a', 1n), 0);
  expect(driver.rows()).toEqual([]);
  driver.push(row('08:20', 'b', 1n), 1);
  expect(driver.rows()).toEqual([]);
  driver.push(row('09:00', 'b', 1n), 1);
  expect(driver.rows().map(({ rows }) => rows)).toEqual([2n]);
  driver.finish(1);
  expect(driver.rows().map(({ rows }) => rows)).toEqual([1n]);
  driver.finish(0);
  expect(driver.rows().map(({ rows }) => rows)).toEqual([1n]);
});

test('the driver: late rows, and crashes at other parallelisms', () => {
  const windows = source
    .rows([], { schema })
    .watermark('time', { lag: minutes(10) })
    .keyBy('key')
    .window(tumbling(hours(1)), { late: 'late', lateness: hours(1) })
    .aggregate((f) => ({ rows: count(), n: sum(f.n) }));
  const driver = testDriver(windows, { parallelism: 2, batchRows: 1 });
  const changes = () => {
    const rows = driver.rows() as unknown as { op: string; key: string; n: bigint }[];
    return rows.map(({ op, key, n }) => `${op} ${key} ${n}`);
  };
  driver.push([row('08:10', 'a', 1n), row('08:50', 'b', 2n)]);
  driver.crashAndRestore({ parallelism: 4 });
  driver.push(row('09:10', 'a', 3n));
  const kept = changes();
  expect(kept.sort()).toEqual(['+I a 1', '+I b 2']);
  driver.crashAndRestore({ parallelism: 1 });
  driver.push(row('08:30', 'a', 4n));
  driver.push(row('11:00', 'c', 5n));
  expect(changes()).toEqual(['-U a 1', '+U a 5', '+I a 3']);
  driver.push(row('08:40', 'a', 6n));
  expect(driver.sideOutput('late').rows()).toEqual([{ ...row('08:40', 'a', 6n), lateness: at('02:10') }]);
  driver.advanceWatermark(at('12:00'));
  expect(driver.rows().map(({ key, n }) => `${key} ${n}`)).toEqual(['c 5']);
  driver.finish();
  expect(driver.rows()).toEqual([]);
  expect(driver.metrics()).toMatchObject({ rowsLate: 1, rowsInNoWindow: 0 });
});

test('explain, on the flights', () => {
  const outputs = flightsPipeline(
    flightsFile(),
    'out',
    { key: 'origin', size: HOUR, slide: 10n * MINUTE, lag: HOUR, lateness: 0n },
    null,
  );
  const explanation = explain(outputs, { parallelism: 2 });
  const neutral = (text: string) =>
    text.replaceAll(flightsFile(), 'flights.parquet').replaceAll(/[\w./-]*(pipeline\.ts):\d+(:\d+)?/g, '$1');
  expect(neutral(String(explanation))).toMatchSnapshot();
  expect(JSON.parse(neutral(JSON.stringify(explanation)))).toMatchSnapshot();
});
