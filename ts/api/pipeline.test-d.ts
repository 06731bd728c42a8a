/**
 * What the type checker says of pipelines. `tsc` checks this file like any other; the text behind `@ts-expect-error` must
 * stand in the message, which `type-messages.test.ts` checks.
 */
import { avg, count, first, max, min, quantile, stddev, sum, topK } from './aggregates.ts';
import { hours, minutes } from './duration.ts';
import type { Bool, Duration, EventTime, F32, F64, I32, I64, List, Timestamp, Utf8 } from './expr-types.ts';
import { coalesce, concat, lit, when } from './functions.ts';
import type { RowKind } from './output.ts';
import type { InputRowOf, RowOf } from './schema.ts';
import { sink } from './sink.ts';
import { source } from './source.ts';
import type { Stream } from './stream.ts';
import { t } from './types.ts';
import { sliding, tumbling } from './window.ts';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if both types are the same. */
declare function same<A, B>(...difference: Same<A, B> extends true ? [] : ['the types differ']): void;

const schema = {
  date: t.timestamp(),
  delay: t.i64().nullable(),
  distance: t.i32(),
  speed: t.f32(),
  origin: t.utf8(),
  destination: t.utf8(),
  canceled: t.bool(),
};
const flights = source.parquet('flights.parquet', { schema });
const timed = flights.watermark('date', { lag: hours(3) });
const hourly = timed
  .keyBy('origin')
  .window(tumbling('1h'), { late: 'too-late' })
  .aggregate((f) => ({ flights: count(), mean: avg(f.delay), busiest: topK(f.destination, 3) }));

// Columns and rows.
same<
  RowOf<typeof flights>,
  {
    date: bigint;
    delay: bigint | null;
    distance: number;
    speed: number;
    origin: string;
    destination: string;
    canceled: boolean;
  }
>();
same<
  RowOf<typeof hourly>,
  {
    origin: string;
    window_start: bigint;
    window_end: bigint;
    flights: bigint;
    mean: number | null;
    busiest: ({ value: string; count: bigint } | null)[];
  }
>();
const late = hourly.sideOutput('too-late');
same<
  RowOf<typeof late>,
  RowOf<typeof flights> & { lateness: bigint } extends infer R ? { [C in keyof R]: R[C] } : 0
>();
const nested = { tags: t.list(t.utf8()), place: t.struct({ x: t.f64(), y: t.f64().nullable() }).nullable() };
same<RowOf<typeof nested>, { tags: (string | null)[]; place: { x: number; y: number | null } | null }>();
const event = source.rows(
  [
    { id: 1, at: new Date() },
    { id: 2n, at: 0n, name: null },
  ],
  {
    schema: { id: t.i64(), at: t.timestamp(), name: t.utf8().nullable() },
  },
);
same<
  InputRowOf<(typeof event)['~schema']>,
  { readonly id: bigint | number; readonly at: bigint | Date; readonly name?: string | null | undefined }
>();
// @ts-expect-error is not assignable to type 'number | bigint'
source.rows([{ id: 'one' }], { schema: { id: t.i64() } });

// Expressions.
flights.select((f) => {
  same<ReturnType<typeof f.delay.isNull>, Bool>();
  const sums = {
    a: f.delay.plus(1),
    b: f.distance.plus(1),
    c: f.distance.plus(1n),
    d: f.distance.times(f.delay),
    e: f.speed.dividedBy(2),
    f: f.speed.plus(f.distance),
    g: f.date.plus(minutes(f.delay)),
    h: f.date.minus(f.date),
    i: f.date.minus(minutes(5)),
    j: f.origin.length(),
    k: f.distance.sqrt(),
    l: f.delay.cast(t.f64()),
    m: f.distance.tryCast(t.i64()),
    n: coalesce(f.delay, 0),
    o: coalesce(f.delay, f.delay),
    p: concat(f.origin, '-', f.destination),
    q: when(f.delay.gt(15)).then('late').when(f.canceled).then('canceled').otherwise('on time'),
    r: when(f.delay.gt(15)).then(f.date).end(),
    s: lit(1),
    t: lit(null, t.i64().nullable()),
    u: f.delay.gt(15).and(f.origin.eq('ORD')),
    v: f.delay.isNotDistinctFrom(null),
    w: f.date.year(),
    x: f.origin.cast(t.timestamp()),
    y: lit(null, t.list(t.i64()).nullable()),
    z: f.speed.plus(lit(0.5)),
  };
  same<
    typeof sums,
    {
      a: I64<null>;
      b: I32;
      c: I64;
      d: I64<null>;
      e: F32;
      f: F64;
      g: Timestamp<null>;
      h: Duration;
      i: Timestamp;
      j: I64;
      k: F64;
      l: F64<null>;
      m: I64<null>;
      n: I64;
      o: I64<null>;
      p: Utf8;
      q: Utf8;
      r: Timestamp<null>;
      s: F64;
      t: I64<null>;
      u: Bool<null>;
      v: Bool;
      w: I64;
      x: Timestamp;
      y: List<I64, null>;
      z: F64;
    }
  >();
  return sums;
});
// @ts-expect-error Property 'dely' does not exist
flights.filter((f) => f.dely.gt(15));
// @ts-expect-error Did you mean 'delay'?
flights.filter((f) => f.dely.gt(15));
// @ts-expect-error arithmetic and comparison of a number take another number
flights.select((f) => ({ x: f.delay.plus(f.origin) }));
// @ts-expect-error arithmetic and comparison of a number take another number
flights.select((f) => ({ x: f.delay.plus('1') }));
// @ts-expect-error texts are joined with concat()
flights.select((f) => ({ x: f.origin.plus(1) }));
// @ts-expect-error a text is compared with texts only
flights.filter((f) => f.origin.eq(1));
// @ts-expect-error a timestamp is compared with timestamps
flights.filter((f) => f.date.ge('2001-01-01'));
// @ts-expect-error a duration is added to a timestamp, such as minutes(5)
flights.select((f) => ({ x: f.date.plus(f.distance) }));
// @ts-expect-error is not assignable to type 'BoolOperand'
flights.filter((f) => f.delay);
// @ts-expect-error all branches have one type
flights.select((f) => ({ x: when(f.canceled).then('yes').otherwise(0) }));
// @ts-expect-error all branches have one type
flights.select((f) => ({ x: coalesce(f.delay, 'none') }));
// @ts-expect-error is not assignable to parameter of type 'Type<
flights.select((f) => ({ x: f.date.cast(t.i64()) }));
// @ts-expect-error is not assignable to parameter of type 'Type<
flights.select((f) => ({ x: f.distance.tryCast(t.list(t.i64())) }));
// @ts-expect-error No overload matches this call
lit(new Uint8Array(1), t.binary());
// @ts-expect-error No overload matches this call
lit([1n], t.list(t.i64()));

// Operators on columns.
same<RowOf<ReturnType<typeof dropped>>, { origin: string; n: bigint | null }>();
function dropped() {
  return flights.drop('date', 'distance', 'speed', 'destination', 'canceled').rename({ delay: 'n' });
}
// @ts-expect-error '"orign"' is not assignable to parameter of type
flights.keyBy('orign');
// @ts-expect-error is not assignable to parameter of type
flights.drop('nothing');
// @ts-expect-error NoColumn<"dely">
flights.rename({ dely: 'delay' });
// @ts-expect-error '"origin"' is not assignable to parameter of type '"date"'
flights.watermark('origin', { lag: '1h' });
flights.union(flights, timed);
// @ts-expect-error the streams of a union have the same columns, of the same types
hourly.union(timed);
const unknownDelay = flights.withColumns((f) => ({ distance: f.distance.tryCast(t.i32()) })).union(flights);
same<RowOf<typeof unknownDelay>['distance'], number | null>();

// Event time.
same<(typeof timed)['~schema']['date'], EventTime>();
same<(typeof timed)['~time'], 'date'>();
same<(typeof hourly)['~time'], 'window_end'>();
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
flights.window(tumbling('1h'));
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
flights.keyBy('origin').window(tumbling('1h'));
const overwritten = timed.withColumns((f) => ({ date: f.date.plus(minutes(5)) }));
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
overwritten.keyBy('origin').window(tumbling('1h'));
timed.withColumns((f) => ({ delay: f.delay.plus(1) })).window(tumbling('1h'));
timed.select((f) => ({ origin: f.origin })).window(tumbling('1h'));
timed.drop('date').keyBy('origin').window(tumbling('1h'));
timed.rename({ date: 'departure' }).window(tumbling('1h'));
timed.union(timed).window(tumbling('1h'));
timed
  .union(timed)
  .select((f) => ({ ...f }))
  .window(tumbling('1h'));
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
timed.union(flights).window(tumbling('1h'));
const ends = hourly.withColumns((f) => ({ window_end: f.window_end.plus(minutes(5)) }));
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
ends.window(tumbling('1h'));
hourly.keyBy('origin').window(sliding({ size: '1d', slide: '1h' }));
const unnamed = timed.window(tumbling('1h')).aggregate(() => ({ n: count() }));
// @ts-expect-error name the late rows first
unnamed.sideOutput('late');
// @ts-expect-error is not assignable to parameter of type '"too-late"'
hourly.sideOutput('late');

// Aggregates.
timed.window(tumbling('1h')).aggregate((f) => {
  const results = {
    a: sum(f.distance),
    b: sum(f.speed),
    c: sum(f.delay),
    d: avg(f.distance).filter(f.canceled),
    e: min(f.date),
    f: max(f.origin).filter(f.canceled),
    g: stddev(f.distance),
    h: first(f.origin),
    i: count().filter(f.canceled),
    j: sum(f.date.minus(f.date)),
  };
  same<
    { [A in keyof typeof results]: (typeof results)[A]['~expr'] },
    {
      a: I64;
      b: F64;
      c: I64<null>;
      d: F64<null>;
      e: Timestamp;
      f: Utf8<null>;
      g: F64<null>;
      h: Utf8;
      i: I64;
      j: Duration;
    }
  >();
  return results;
});
// @ts-expect-error sum() takes numbers or durations
timed.window(tumbling('1h')).aggregate((f) => ({ x: sum(f.origin) }));
// @ts-expect-error a mean is taken of numbers
timed.window(tumbling('1h')).aggregate((f) => ({ x: quantile(f.date, 0.5) }));
// @ts-expect-error is missing the following properties from type 'Aggregate<AnyExpr, AnyExpr>'
timed.window(tumbling('1h')).aggregate((f) => ({ x: f.delay }));

// JavaScript functions.
const mapped = timed.map((row) => ({ id: row.delay ?? 0, label: row.origin }), {
  schema: { id: t.i64(), label: t.utf8().nullable() },
});
same<RowOf<typeof mapped>, { id: bigint; label: string | null }>();
same<(typeof mapped)['~time'], 'date'>();
const kept = timed.map((row) => row, { schema }).select((f) => ({ date: f.date }));
kept.window(tumbling('1h'));
// @ts-expect-error Property 'id' is missing
timed.map((row) => ({ label: row.origin }), { schema: { id: t.i64(), label: t.utf8() } });
timed.mapBatches(
  (batch) => ({
    id: batch
      .column('delay')
      .toArray()
      .map((value) => value ?? 0n),
  }),
  {
    schema: { id: t.i64() },
  },
);
// @ts-expect-error Property 'parents' is missing
timed.flatMapBatches((batch) => ({ rows: batch.rows() }), { schema });

// Sinks.
const collected = hourly.to(sink.collect());
same<(typeof collected)['rows'][number]['origin'], string>();
const changes = hourly.to(sink.collect({ mode: 'changelog' }));
same<(typeof changes)['rows'][number]['op'], RowKind>();
const takesOrigins = sink.callback((batch: import('../arrow/batch.ts').Batch<{ origin: string }>) => {
  same<ReturnType<typeof batch.rows>, { origin: string }[]>();
});
flights.to(takesOrigins);
// @ts-expect-error is not assignable to parameter of type
hourly.drop('origin').to(takesOrigins);
hourly.to(
  sink.callback((batch) => {
    same<ReturnType<typeof batch.rows>[number]['flights'], bigint>();
  }),
);

// Files whose schema was not declared are typed loosely.
const loose = source.parquet('flights.parquet');
const looseHourly = loose
  .select((f) => ({ ...f, arrived: f.date.plus(minutes(f.delay)) }))
  .inOrderOf('arrived')
  .watermark('date', { lag: hours(3) })
  .keyBy('origin')
  .window(tumbling('1h'))
  .aggregate((f) => ({ n: count(), mean: avg(f.delay) }));
same<RowOf<typeof looseHourly>['n'], bigint>();
same<(typeof loose)['~time'], null>();
// @ts-expect-error a window needs event time: call .watermark(column, { lag }) before it
loose.keyBy('origin').window(tumbling('1h'));
const declared: Stream<{ origin: Utf8 }, null> = flights.select(({ origin }) => ({ origin }));
same<RowOf<typeof declared>, { origin: string }>();
