/** The types of expressions over time: instants, spans of time and calendar days. See `expr-types.ts` for the others. */
import type { Castable, Checked, Expr, I32, I64, NullOf, Ordered, Utf8 } from './expr-types.ts';

/** What a timestamp may be compared with; a `bigint` is microseconds since the epoch. */
export type TimestampOperand = Timestamp<null> | CalendarDay<null> | bigint | globalThis.Date;

/** What may be added to a timestamp; a `bigint` is microseconds. */
export type DurationOperand = Duration<null> | bigint;

/** The parts of a date, in UTC. */
interface DateParts<N extends null> {
  /** The year in UTC. */
  year(): I64<N>;
  /** The month in UTC, 1 to 12. */
  month(): I64<N>;
  /** The day of the month in UTC. */
  day(): I64<N>;
  /** The hour in UTC. */
  hour(): I64<N>;
  /** The minute in UTC. */
  minute(): I64<N>;
  /** The ISO day of the week in UTC, Monday 1 to Sunday 7. */
  dayOfWeek(): I64<N>;
}

/** An instant, microseconds since the epoch in UTC; `bigint` in JavaScript. */
export interface Timestamp<N extends null = never>
  extends Expr<'timestamp', bigint, N, bigint | globalThis.Date>,
    Castable<Timestamp<null> | CalendarDay<null> | Utf8<null>, N>,
    DateParts<N>,
    Ordered<TimestampOperand, 'a timestamp is compared with timestamps, such as at("2001-01-01T08:00")', N> {
  readonly '~required': Timestamp;
  readonly '~nullable': Timestamp<null>;
  /** The instant so much later. */
  plus<O>(
    duration: Checked<
      O,
      Duration<null>,
      'a duration is added to a timestamp, such as minutes(5) or minutes(f.delay)'
    >,
  ): Timestamp<N | NullOf<O>>;
  /** The instant so much earlier, or the time that passed since another instant. */
  minus<O>(
    other: Checked<
      O,
      Duration<null> | TimestampOperand,
      'a duration or a timestamp is taken from a timestamp'
    >,
  ): O extends { readonly '~kind': 'duration' } ? Timestamp<N | NullOf<O>> : Duration<N | NullOf<O>>;
  /** Rounded down to a multiple of the duration since the epoch. */
  truncateTo(duration: Duration): Timestamp<N>;
  /** Microseconds since the epoch. */
  micros(): I64<N>;
  /** Null where the instant equals the other one. */
  nullIf(other: TimestampOperand): Timestamp<null>;
}

/** The column that `watermark()` chose. Written over by anything else, the stream loses its event time. */
export interface EventTime<N extends null = never> extends Timestamp<N> {
  readonly '~eventTime': true;
}

/** A span of time in microseconds; `bigint` in JavaScript. */
export interface Duration<N extends null = never>
  extends Expr<'duration', bigint, N>,
    Castable<Duration<null> | Utf8<null>, N>,
    Ordered<DurationOperand, 'a duration is compared with durations, such as minutes(5)', N> {
  readonly '~required': Duration;
  readonly '~nullable': Duration<null>;
  /** The span in the other direction. */
  negate(): Duration<N>;
  /** The span without its direction. */
  abs(): Duration<N>;
  /** The sum of two durations. */
  plus<O>(other: Checked<O, DurationOperand, 'a duration is added to a duration'>): Duration<N | NullOf<O>>;
  /** The difference of two durations. */
  minus<O>(
    other: Checked<O, DurationOperand, 'a duration is taken from a duration'>,
  ): Duration<N | NullOf<O>>;
  /** A multiple. */
  times<O>(
    factor: Checked<O, I32<null> | I64<null> | number | bigint, 'a duration is multiplied by an integer'>,
  ): Duration<N | NullOf<O>>;
  /** The length in microseconds. */
  micros(): I64<N>;
  /** Null where the duration equals the other one. */
  nullIf(other: DurationOperand): Duration<null>;
}

/** What a calendar day may be compared with; a `number` is days since 1970-01-01. */
export type CalendarDayOperand = CalendarDay<null> | Timestamp<null> | number;

/** A day, counted from 1970-01-01; `number` in JavaScript. */
export interface CalendarDay<N extends null = never>
  extends Expr<'date', number, N, number | globalThis.Date>,
    Castable<CalendarDay<null> | Timestamp<null> | Utf8<null>, N>,
    DateParts<N>,
    Ordered<CalendarDayOperand, 'a date is compared with dates, or with days since 1970-01-01', N> {
  readonly '~required': CalendarDay;
  readonly '~nullable': CalendarDay<null>;
  /** The instant so much after the day began. */
  plus<O>(duration: Checked<O, Duration<null>, 'a duration is added to a date'>): Timestamp<N | NullOf<O>>;
  /** The instant so much before the day began. */
  minus<O>(duration: Checked<O, Duration<null>, 'a duration is taken from a date'>): Timestamp<N | NullOf<O>>;
  /** Null where the day equals the other one. */
  nullIf(other: CalendarDayOperand): CalendarDay<null>;
}
