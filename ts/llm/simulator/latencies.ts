/** How long requests waited: for their first token, from one to the next, and for the whole. */
import type { ErrorCode } from '../../errors.ts';

/** When things happened to a request, in milliseconds of one clock. */
export interface RequestTimes {
  readonly arrivedMs: number;
  /** Of each token, in their order. */
  readonly tokensMs: readonly number[];
  /** Why it was refused or failed. */
  readonly error?: ErrorCode;
}

/** Nearest-rank quantiles, in milliseconds; NaN of nothing. */
export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface Latencies {
  /** From arrival to the first token. */
  readonly ttft: Quantiles;
  /** Time per output token: from the first token to the last, by their number less one; of requests with two or more. */
  readonly tpot: Quantiles;
  /** From arrival to the last token. */
  readonly e2e: Quantiles;
  /** Requests that were answered, and those that were not. */
  readonly answered: number;
  readonly failed: number;
}

/** The latencies of all requests that were answered. O(n log n). */
export function latenciesOf(requests: readonly RequestTimes[]): Latencies {
  const answered = requests.filter(({ error }) => error === undefined);
  const several = answered.filter(({ tokensMs }) => tokensMs.length > 1);
  return {
    ttft: quantiles(answered.map(({ arrivedMs, tokensMs: [first = Number.NaN] }) => first - arrivedMs)),
    tpot: quantiles(
      several.map(({ tokensMs }) => (last(tokensMs) - first(tokensMs)) / (tokensMs.length - 1)),
    ),
    e2e: quantiles(answered.map(({ arrivedMs, tokensMs }) => last(tokensMs) - arrivedMs)),
    answered: answered.length,
    failed: requests.length - answered.length,
  };
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

const first = (times: readonly number[]): number => times[0] ?? Number.NaN;
const last = (times: readonly number[]): number => times.at(-1) ?? Number.NaN;
