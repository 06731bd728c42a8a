/** Instants as values: microseconds since the epoch in UTC, as `bigint`, the form in which rows carry them. */
import { HeadraceError } from '../errors.ts';

const ISO =
  /^(?:(\d{4})-(\d\d)-(\d\d)(?:[T ](?=\d))?)?(?:(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * The instant that an ISO 8601 text names, in µs since the epoch: `at('2001-01-01T08:00')`, `at('2001-01-01')`,
 * `at('2001-01-01T08:00:00.250+02:00')`. Without an offset the text is UTC; without a date it is 1970-01-01, which is
 * handy in tests.
 *
 * Throws `HR_OPTION_INVALID` for anything else, impossible dates included.
 */
export function at(text: string): bigint {
  const match = ISO.exec(text);
  const micros = match === null || text === '' ? undefined : compose(match);
  if (micros === undefined) {
    throw new HeadraceError('HR_OPTION_INVALID', `'${text}' is not an instant.`, {
      hint: "Write it like '2001-01-01T08:00' (UTC) or '2001-01-01T08:00:00.5+02:00'.",
    });
  }
  return micros;
}

function compose(match: RegExpExecArray): bigint | undefined {
  const part = (group: number): number => Number(match[group] ?? 0);
  const [year, month, day] = match[1] === undefined ? [1970, 1, 1] : [part(1), part(2), part(3)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const exists =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!exists || part(4) > 23 || part(5) > 59 || part(6) > 59) return undefined;
  const seconds = BigInt(date.getTime() / 1000 + part(4) * 3600 + part(5) * 60 + part(6));
  return (seconds - zoneSeconds(match[8])) * 1_000_000n + BigInt((match[7] ?? '').padEnd(6, '0'));
}

function zoneSeconds(zone: string | undefined): bigint {
  if (zone === undefined || zone === 'Z') return 0n;
  const digits = zone.replace(':', '');
  const seconds = BigInt(digits.slice(1, 3)) * 3600n + BigInt(digits.slice(3, 5)) * 60n;
  return zone.startsWith('-') ? -seconds : seconds;
}

/** The `Date` of an instant in µs; what lies below a millisecond is cut off towards the past. */
export function toDate(micros: bigint): Date {
  const below = ((micros % 1000n) + 1000n) % 1000n;
  return new Date(Number((micros - below) / 1000n));
}

/** The instant of a `Date`, in µs since the epoch. Throws `HR_OPTION_INVALID` for an invalid date. */
export function fromDate(date: Date): bigint {
  const millis = date.getTime();
  if (Number.isNaN(millis)) throw new HeadraceError('HR_OPTION_INVALID', 'An invalid Date names no instant.');
  return BigInt(millis) * 1000n;
}
