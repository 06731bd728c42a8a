import { describe, expect, test, vi } from 'vitest';
import { lower } from '../plan/lower.ts';
import { avg, count, quantile, sum, topK } from './aggregates.ts';
import { hours, minutes } from './duration.ts';
import { generate } from './generator.ts';
import { sink } from './sink.ts';
import { source } from './source.ts';
import type { AnyStream } from './stream.ts';
import { at } from './time.ts';
import { fieldsOf, t } from './types.ts';
import { sliding, tumbling } from './window.ts';

const schema = {
  date: t.timestamp(),
  delay: t.i64().nullable(),
  origin: t.utf8(),
  destination: t.utf8(),
};

// Files are read by the native library; here it knows the columns of every file but one.
vi.mock('../binding.ts', () => ({
  native: {
    parquetSchema(path: string) {
      if (path !== 'missing.parquet') return JSON.stringify(fieldsOf(schema));
      throw new Error(JSON.stringify({ code: 'HR_NOT_FOUND', message: `There is no file '${path}'.` }));
    },
  },
}));

const flights = source.parquet('flights.parquet', { schema });
const timed = flights.watermark('date', { lag: hours(3) });
const loose = source.parquet('flights.parquet');
const hourly = timed
  .keyBy('origin')
  .window(tumbling('1h'), { late: 'late' })
  .aggregate(() => ({ n: count() }));

/** What a stream of any type allows at run time, as plain JavaScript would. */
const untyped = (stream: unknown): AnyStream => stream as AnyStream;
const op = (stream: AnyStream) => lower(stream.to(sink.blackhole())).plan.nodes.at(-2)?.op;
const failure = (code: string, ...texts: string[]) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(new RegExp(texts.map((text) => `(?=.*${text})`).join(''), 's')),
  });

describe('columns', () => {
  test('are those of the file, or those declared', () => {
    expect(loose.columns).toEqual(['date', 'delay', 'origin', 'destination']);
    expect(flights.drop('date').rename({ delay: 'late' }).columns).toEqual(['late', 'origin', 'destination']);
    expect(flights.withColumns((f) => ({ delay: f.delay.negate(), n: f.origin.length() })).columns).toEqual([
      'date',
      'origin',
      'destination',
      'delay',
      'n',
    ]);
    expect(hourly.columns).toEqual(['origin', 'window_start', 'window_end', 'n']);
    expect(hourly.sideOutput('late').columns).toEqual([...flights.columns, 'lateness']);
  });

  test('that are not there are named, with the nearest one and the line', () => {
    const misspelt = () => loose.filter((f) => f.dealy.gt(15));
    expect(misspelt).toThrow(failure('HR_UNKNOWN_COLUMN', "'dealy'", "mean 'delay'", 'stream.test.ts:\\d+'));
    expect(() => loose.keyBy('orign')).toThrow(failure('HR_UNKNOWN_COLUMN', "mean 'origin'"));
    expect(() => loose.drop('zzz')).toThrow(failure('HR_UNKNOWN_COLUMN', 'date, delay, origin'));
    expect(() => loose.inOrderOf('arrived')).toThrow(failure('HR_UNKNOWN_COLUMN', "'arrived'"));
    expect(() => loose.watermark('when', { lag: '1h' })).toThrow(failure('HR_UNKNOWN_COLUMN', "'when'"));
    expect(() => loose.rename({ nothing: 'x' })).toThrow(failure('HR_UNKNOWN_COLUMN', "'nothing'"));
  });

  test('of another stream are found out', () => {
    const other = source.rows([], { schema: { x: t.i64() } });
    const captured = { x: undefined as unknown };
    other.filter((f) => {
      captured.x = f.x;
      return true;
    });
    expect(() => untyped(flights).select(() => ({ y: captured.x as never }))).toThrow(
      failure('HR_UNKNOWN_COLUMN', "'x'"),
    );
  });

  test('may be called anything', () => {
    const odd = source.rows([], { schema: { ['__proto__']: t.i64(), constructor: t.i64(), '': t.utf8() } });
    expect(odd.columns).toEqual(['__proto__', 'constructor', '']);
    expect(odd.select((f) => ({ ...f })).columns).toEqual(odd.columns);
    expect(() => untyped(odd).filter((f) => f.toString.gt(1))).toThrow(
      failure('HR_UNKNOWN_COLUMN', 'toString'),
    );
  });

  test('stand once', () => {
    expect(() => flights.rename({ delay: 'origin' })).toThrow(
      failure('HR_PLAN_INVALID', "two columns 'origin'"),
    );
    expect(() => timed.window(tumbling('1h')).aggregate(() => ({ window_end: count() }))).toThrow(
      failure('HR_PLAN_INVALID', "two columns 'window_end'"),
    );
    const lateness = timed.withColumns((f) => ({ lateness: f.delay }));
    const windows = lateness.window(tumbling('1h'), { late: 'late' }).aggregate(() => ({ n: count() }));
    expect(() => windows.sideOutput('late')).toThrow(failure('HR_PLAN_INVALID', "two columns 'lateness'"));
    expect(() => flights.keyBy('origin', 'origin')).toThrow(failure('HR_PLAN_INVALID', "'origin'"));
    expect(() => flights.drop('date', 'delay', 'origin', 'destination')).toThrow(failure('HR_PLAN_INVALID'));
  });

  test('are expressions', () => {
    const stream = untyped(flights);
    expect(() => stream.select(() => ({ x: 1 as never }))).toThrow(failure('HR_TYPE_MISMATCH', "'x'", 'lit'));
    expect(() => stream.select(() => undefined as never)).toThrow(failure('HR_TYPE_MISMATCH', 'undefined'));
    expect(() => stream.filter(() => 'yes' as never)).toThrow(failure('HR_TYPE_MISMATCH', 'yes'));
    expect(() =>
      untyped(timed)
        .window(tumbling('1h'))
        .aggregate((f) => ({ x: f.delay as never })),
    ).toThrow(failure('HR_TYPE_MISMATCH', "'x' is not an aggregate"));
  });

  test('errors of the user pass through callbacks untouched', () => {
    const mine = new RangeError('mine');
    expect(() =>
      flights.filter(() => {
        throw mine;
      }),
    ).toThrow(mine);
  });
});

describe('event time', () => {
  const window = (stream: unknown) => () => untyped(stream).window(tumbling('1h'));
  test('is needed by windows', () => {
    expect(window(flights)).toThrow(failure('HR_NO_EVENT_TIME', 'watermark'));
    expect(window(timed)).not.toThrow();
    expect(() => untyped(flights).keyBy('origin').window(tumbling('1h'))).toThrow(
      failure('HR_NO_EVENT_TIME'),
    );
  });

  test('survives its column being kept, dropped or renamed, but not being written over', () => {
    expect(window(timed.drop('date'))).not.toThrow();
    expect(window(timed.rename({ date: 'day' }))).not.toThrow();
    expect(window(timed.filter((f) => f.delay.gt(1)))).not.toThrow();
    expect(window(timed.select((f) => ({ date: f.date, n: f.delay })))).not.toThrow();
    expect(window(timed.map((row) => row, { schema }))).not.toThrow();
    expect(window(timed.withColumns((f) => ({ date: f.date.plus(minutes(1)) })))).toThrow(
      failure('HR_NO_EVENT_TIME'),
    );
    expect(window(hourly.withColumns((f) => ({ window_end: f.window_start })))).toThrow(
      failure('HR_NO_EVENT_TIME'),
    );
  });

  test('is there after a window, and after a union whose streams all have it', () => {
    expect(window(hourly)).not.toThrow();
    expect(window(hourly.sideOutput('late'))).not.toThrow();
    expect(window(timed.union(timed))).not.toThrow();
    expect(window(timed.union(flights))).toThrow(failure('HR_NO_EVENT_TIME'));
  });

  test('is a timestamp', () => {
    expect(() => loose.watermark('origin', { lag: '1h' })).toThrow(
      failure('HR_TYPE_MISMATCH', 'origin', 'utf8'),
    );
  });
});

describe('options', () => {
  test.each<[string, () => unknown]>([
    ['size', () => tumbling('0s')],
    ['size', () => tumbling('-1h')],
    ['slide', () => sliding({ size: '1h', slide: '0s' })],
    ['lag', () => flights.watermark('date', { lag: '-1s' })],
    ['idle', () => flights.watermark('date', { lag: '1s', idle: '0s' })],
    ['maxAhead', () => flights.watermark('date', { lag: '1s', maxAhead: '0s' })],
    ['lateness', () => timed.window(tumbling('1h'), { lateness: '-1s' })],
    ['quantile', () => quantile(1 as never, 1.5)],
    ['quantile', () => quantile(1 as never, Number.NaN)],
    ['topK', () => topK(1 as never, 0)],
    ['topK', () => topK(1 as never, 1.5)],
    ['topK', () => topK(1 as never, 1001)],
    ['inFlight', () => flights.map((row) => row, { schema, inFlight: 0 })],
    ['timeout', () => flights.map((row) => row, { schema, timeout: '0s' })],
    ['function', () => flights.map(undefined as never, { schema })],
    ['rate', () => source.parquet('x', { schema, rate: 0 })],
    ['path', () => source.parquet([])],
    ['uid', () => flights.uid('')],
    ['sink', () => flights.to(undefined as never)],
    ['mode', () => sink.collect({ mode: 'upsert' as never })],
    ['limit', () => sink.console({ limit: -1 })],
    ['folder', () => sink.parquet('')],
    ['rows', () => source.generator({ columns: { n: generate.sequence() }, rows: -1 })],
    ['partitions', () => source.generator({ columns: { n: generate.sequence() }, rows: 1, partitions: 0 })],
    ['min', () => generate.integer({ min: 0.5, max: 1 })],
    ['range', () => generate.float({ min: 1, max: 0 })],
    ['values', () => generate.choice([])],
  ])('of %s outside their range are refused: %s', (what, build) => {
    expect(build).toThrow(failure('HR_OPTION_INVALID', what));
  });

  test('become microseconds and milliseconds', () => {
    expect(op(flights.watermark('date', { lag: '1m', idle: '2s', maxAhead: '1d' }))).toEqual({
      op: 'watermark',
      column: 'date',
      lag: 6e7,
      idle: 2e6,
      maxAhead: 8.64e10,
    });
    const mapped = flights.flatMap(() => [], { schema, timeout: '1.5s', inFlight: 4 });
    expect(op(mapped)).toMatchObject({ op: 'hostMap', mode: 'flatMap', timeoutMs: 1500, inFlight: 4 });
  });
});

describe('operators', () => {
  test('a union takes columns by name', () => {
    const swapped = flights
      .select((f) => ({ ...f, date: f.date }))
      .select(({ date, ...rest }) => ({ ...rest, date }));
    const nodes = lower(flights.union(swapped).to(sink.blackhole())).plan.nodes;
    const union = nodes.find((node) => node.op.op === 'union');
    const [first, second] = union?.inputs.map((input) => nodes[input.node]) ?? [];
    expect(first?.op.op).toBe('parquetSource');
    expect(second?.op).toMatchObject({
      op: 'select',
      columns: ['date', 'delay', 'origin', 'destination'].map((name) => ({ name })),
    });
    expect(() => untyped(flights).union(hourly)).toThrow(failure('HR_PLAN_INVALID', 'same columns'));
  });

  test('a window has keys, sizes and aggregates with filters', () => {
    const windows = timed
      .keyBy('origin', 'destination')
      .window(sliding({ size: '1h', slide: '7m', offset: '-5m' }), { lateness: '1m' })
      .aggregate((f) => ({
        n: count().filter(f.delay.gt(1)).filter(f.origin.eq('ORD')),
        mean: avg(f.delay),
      }));
    const plan = lower(windows.to(sink.blackhole())).plan;
    expect(plan.nodes.at(-2)).toMatchObject({
      name: 'window(1h/7m-5m)',
      op: {
        op: 'window',
        keys: ['origin', 'destination'],
        size: 3.6e9,
        slide: 4.2e8,
        offset: -3e8,
        lateness: 6e7,
        aggregates: [
          { name: 'n', function: { kind: 'count', arg: null }, filter: { kind: 'binary', op: 'and' } },
          { name: 'mean', function: { kind: 'avg', arg: { kind: 'column', name: 'delay' } }, filter: null },
        ],
      },
    });
  });

  test('late rows are asked for by the name they were given', () => {
    expect(() => hourly.sideOutput('other' as never)).toThrow(
      failure('HR_PLAN_INVALID', "'other'", "'late'"),
    );
    const unnamed = timed.window(tumbling('1h')).aggregate(() => ({ n: count() }));
    expect(() => unnamed.sideOutput('late' as never)).toThrow(
      failure('HR_PLAN_INVALID', 'names no late rows'),
    );
  });

  test('a stream that updates needs a sink that takes changes', () => {
    const updating = timed
      .window(tumbling('1h'), { lateness: '1m' })
      .aggregate((f) => ({ total: sum(f.delay) }));
    const derived = updating.filter((f) => f.total.gt(0));
    expect(() => derived.to(sink.parquet('out'))).toThrow(failure('HR_APPEND_ONLY_SINK', 'changelog'));
    expect(() => derived.to(sink.collect())).toThrow(failure('HR_APPEND_ONLY_SINK'));
    expect(op(derived)).toBeDefined();
    const changes = lower(derived.to(sink.parquet('out', { mode: 'changelog' }))).plan;
    expect(changes.nodes.at(-1)?.op).toEqual({ op: 'parquetSink', path: 'out', changelog: true });
    const named = derived.rename({ total: 'op' });
    expect(() => named.to(sink.collect({ mode: 'changelog' }))).toThrow(failure('HR_PLAN_INVALID', "'op'"));
  });

  test('are immutable', () => {
    const output = timed.to(sink.blackhole());
    const before = JSON.stringify(lower(output).plan);
    timed.filter((f) => f.delay.gt(1)).uid('x');
    expect(() => Object.assign(timed, { edge: null })).toThrow(TypeError);
    expect(JSON.stringify(lower(output).plan)).toBe(before);
  });
});

describe('sources', () => {
  test('of files report what the library reports', () => {
    expect(() => source.parquet('missing.parquet')).toThrow(
      failure('HR_NOT_FOUND', "'missing.parquet'", 'stream.test.ts'),
    );
  });

  test('generate columns', () => {
    const generated = source.generator({
      columns: {
        id: generate.sequence({ start: 5 }),
        city: generate.choice(['ORD', 'JFK'], { exponent: 1 }),
        at: generate.timestamp({ start: at('1970-01-02'), step: '1s', jitter: '1m' }),
      },
      rows: 100,
      partitions: 2,
      seed: 7,
      rate: 1000,
    });
    expect(op(generated)).toEqual({
      op: 'generatorSource',
      columns: [
        { name: 'id', value: { kind: 'sequence', start: 5, step: 1 } },
        { name: 'city', value: { kind: 'choice', values: ['ORD', 'JFK'], exponent: 1 } },
        { name: 'at', value: { kind: 'timestamp', start: 8.64e10, step: 1e6, jitter: 6e7 } },
      ],
      rows: 100,
      partitions: 2,
      seed: 7,
      rate: 1000,
    });
    expect(() => generated.watermark('at', { lag: '1m' }).window(tumbling('1h'))).not.toThrow();
  });
});
