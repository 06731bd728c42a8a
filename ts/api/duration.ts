/** Spans of time: `minutes(5)` as an option or a constant, `minutes(f.delay)` as an expression. */
import { HeadraceError } from '../errors.ts';
import type { Duration, I32, I64, NullOf } from './expr-types.ts';
import { binary, call, Expression } from './expression.ts';

/** A constant span of time: an option, or a constant in expressions. */
export interface TimeSpan extends Duration {
  /** Its length in µs, the form in which rows carry durations. */
  readonly inMicros: bigint;
}

/** A span of time as options take it: `minutes(10)`, or text such as `'10m'`, `'1h30m'`, `'250ms'`. */
export type DurationInput = TimeSpan | string;

class Span extends Expression {
  readonly inMicros: bigint;

  constructor(micros: bigint) {
    const literal = { type: 'duration', value: String(micros) } as const;
    super({ kind: 'literal', literal }, { type: 'duration' });
    this.inMicros = micros;
  }
}

interface Unit {
  /** So many units, rounded to a microsecond. Throws `HR_OPTION_INVALID` beyond ±2^53 µs (285 years). */
  (count: number | bigint): TimeSpan;
  /** As many units as an integer column says. */
  <E extends I32<null> | I64<null>>(count: E): Duration<NullOf<E>>;
}

function unit(micros: number): Unit {
  return ((count: unknown) => {
    if (count instanceof Expression) {
      return call('durationMicros', micros === 1 ? count : binary('times', count, BigInt(micros)));
    }
    return new Span(BigInt(checkedMicros(Math.round(Number(count) * micros), String(count))));
  }) as unknown as Unit;
}

function checkedMicros(micros: number, text: string): number {
  if (Number.isSafeInteger(micros)) return micros;
  throw new HeadraceError('HR_OPTION_INVALID', `'${text}' is not a span of time.`, {
    hint: "Write minutes(10), or text with a unit such as '250ms', '10m' or '1h30m'.",
  });
}

/** Microseconds. */
export const micros: Unit = unit(1);
/** Milliseconds. */
export const millis: Unit = unit(1000);
/** Seconds. */
export const seconds: Unit = unit(1_000_000);
/** Minutes. */
export const minutes: Unit = unit(60_000_000);
/** Hours. */
export const hours: Unit = unit(3_600_000_000);
/** Days of 24 hours. */
export const days: Unit = unit(86_400_000_000);

const PART = /(\d+(?:\.\d+)?) ?(ms|us|µs|[dhms])/g;
const TEXT = /^-?(?:\d+(?:\.\d+)? ?(?:ms|us|µs|[dhms]) ?)+$/;

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000_000],
  ['h', 3_600_000_000],
  ['m', 60_000_000],
  ['s', 1_000_000],
  ['ms', 1000],
  ['us', 1],
];

const SIZES: ReadonlyMap<string, number> = new Map([...UNITS, ['µs', 1]]);

/**
 * The length of a span in µs, a safe integer. Throws `HR_OPTION_INVALID` for what is not a span of time; a bare number
 * is not one, because it has no unit.
 */
export function toMicros(input: DurationInput): number {
  const span: unknown = input;
  if (span instanceof Span) return Number(span.inMicros);
  if (typeof span !== 'string') return checkedMicros(Number.NaN, String(span));
  if (!TEXT.test(span)) return checkedMicros(Number.NaN, span);
  const parts = [...span.matchAll(PART)].map(
    ([, count, name]) => Number(count) * (SIZES.get(name ?? '') ?? 0),
  );
  const sum = parts.reduce((total, part) => total + part, 0);
  return checkedMicros(Math.round(span.startsWith('-') ? -sum : sum), span);
}

/** A span as short text: `1h30m`, `250ms`, `0s`. */
export function formatMicros(length: number): string {
  if (length === 0) return '0s';
  let rest = Math.abs(length);
  let text = length < 0 ? '-' : '';
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${name}`;
    rest -= count * size;
  }
  return text;
}
