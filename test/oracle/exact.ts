/** Exact aggregates over plain values, each straight from its definition. Nulls take no part, as in SQL. */

/** A value and how often it came. */
export interface Tally<T> {
  readonly value: T;
  readonly count: bigint;
}

/** The number of values that are not null. */
export function count(values: readonly unknown[]): bigint {
  return BigInt(present(values).length);
}

/** The sum; null without values. */
export function sum(values: readonly (bigint | null)[]): bigint | null {
  const summands = present(values);
  return summands.length === 0 ? null : summands.reduce((total, value) => total + value, 0n);
}

/** The mean: the exact sum as the nearest double, divided by the count; null without values. */
export function mean(values: readonly (bigint | null)[]): number | null {
  const total = sum(values);
  return total === null ? null : Number(total) / Number(count(values));
}

/** The smallest value; null without values. */
export function min<T extends bigint | number | string>(values: readonly (T | null)[]): T | null {
  return present(values).reduce<T | null>(
    (least, value) => (least === null || value < least ? value : least),
    null,
  );
}

/** The largest value; null without values. */
export function max<T extends bigint | number | string>(values: readonly (T | null)[]): T | null {
  return present(values).reduce<T | null>(
    (most, value) => (most === null || value > most ? value : most),
    null,
  );
}

/** The value at rank ⌈q · n⌉ of the ascending values (the first for q = 0); null without values. */
export function orderStatistic<T extends bigint | number>(
  values: readonly (T | null)[],
  q: number,
): T | null {
  const sorted = present(values).sort(ascending);
  return sorted[Math.max(Math.ceil(q * sorted.length), 1) - 1] ?? null;
}

/**
 * How far `answer` is from being the `q`-quantile, as a rank: 0 when `answer` lies between two neighbours of the
 * exact place (every common definition of a quantile does), else the missing share of the rows.
 */
export function rankError(values: readonly (bigint | number)[], q: number, answer: number): number {
  const below = values.filter((value) => Number(value) < answer).length;
  const upTo = values.filter((value) => Number(value) <= answer).length;
  const place = q * values.length;
  return Math.max(below - place - 1, place - 1 - upTo, 0) / values.length;
}

/** The number of distinct values. */
export function distinct(values: readonly (string | bigint | number | null)[]): bigint {
  return BigInt(new Set(present(values)).size);
}

/** How often each value came, by count descending, then by value (text by its UTF-8 bytes). */
export function tally<T extends string | bigint | number>(values: readonly (T | null)[]): Tally<T>[] {
  const counts = new Map<T, bigint>();
  for (const value of present(values)) counts.set(value, (counts.get(value) ?? 0n) + 1n);
  return [...counts]
    .map(([value, times]) => ({ value, count: times }))
    .sort((a, b) => (a.count === b.count ? byValue(a.value, b.value) : a.count < b.count ? 1 : -1));
}

/** The `k` most frequent values, in the order of {@link tally}. */
export function topK<T extends string | bigint | number>(
  values: readonly (T | null)[],
  k: number,
): Tally<T>[] {
  return tally(values).slice(0, k);
}

function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value): value is T => value !== null);
}

function ascending<T extends bigint | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byValue<T extends string | bigint | number>(a: T, b: T): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
