/**
 * Sketches through the whole engine: a million distinct values in each window, put together from six slices, against
 * what a sort of the same values says.
 */
import { expect, test } from 'vitest';
import {
  approxDistinct,
  count,
  minutes,
  quantile,
  run,
  sink,
  sliding,
  source,
  t,
  topK,
} from '../../ts/index.ts';
import { draw } from '../seeds.ts';
import { Truth, zipfian } from './zipf.ts';

const [KEYS, SLICES, SLICE_ROWS, SLICE_MICROS] = [2, 6, 270_000, 60_000_000];
const WINDOW_ROWS = SLICES * SLICE_ROWS;
/** One slice more than a window has, so that a window is cut from one block and another put together from two. */
const KEY_ROWS = WINDOW_ROWS + SLICE_ROWS;
const SEEDS = 30;
const QUANTILES = [0.01, 0.25, 0.5, 0.9, 0.99, 0.999];
const K = 10;

/** The documented errors: see the aggregates and crates/sketch. */
const DISTINCT_ERROR = 1.04 / Math.sqrt(4096);
const COUNT_ERROR = Math.E / 2048;
const CANDIDATES = 8 * K;
const rankError = (q: number) => 0.016 * Math.sqrt(q * (1 - q));

interface Estimates {
  readonly key: number;
  readonly start: number;
  readonly distinct: number;
  readonly top: readonly { value: number; count: number }[];
  readonly quantiles: readonly number[];
}

const schema = { at: t.timestamp(), key: t.i32(), value: t.f64() };

/** The streams of all keys, whose rows take turns. */
function columns(streams: readonly Float64Array[]) {
  const rows = KEYS * KEY_ROWS;
  const [at, key, value] = [new BigInt64Array(rows), new Int32Array(rows), new Float64Array(rows)];
  // All times fit into the lower half of their 64 bits.
  const low = new Uint32Array(at.buffer);
  for (let row = 0; row < rows; row++) {
    const place = Math.floor(row / KEYS);
    key[row] = row % KEYS;
    value[row] = streams[row % KEYS]?.[place] as number;
    low[2 * row] = Math.floor((place * SLICE_MICROS) / SLICE_ROWS);
  }
  return { at, key, value };
}

/** What the engine says of the windows that are full. */
async function estimates(streams: readonly Float64Array[]): Promise<Estimates[]> {
  const windows = source
    .rows(columns(streams) as never, { schema })
    .watermark('at', { lag: '0s' })
    .keyBy('key')
    .window(sliding({ size: minutes(SLICES), slide: minutes(1) }))
    .aggregate(({ value }) => ({
      rows: count(),
      distinct: approxDistinct(value),
      top: topK(value, K),
      ...Object.fromEntries(QUANTILES.map((q, index) => [`q${index}`, quantile(value, q)])),
    }));
  const out = windows.to(sink.collect());
  const { metrics } = await (await run([out], { parallelism: 2 })).done;
  expect(metrics.rowsLate).toBe(0);
  const full = out.rows.filter(({ rows }) => Number(rows) === WINDOW_ROWS);
  return full.map(({ key, window_start, distinct, top, ...rest }) => ({
    key,
    start: Number(window_start),
    distinct: Number(distinct),
    top: top.flatMap((entry) => (entry === null ? [] : { ...entry, count: Number(entry.count) })),
    quantiles: QUANTILES.map((_, index) => Number(rest[`q${index}` as keyof typeof rest])),
  }));
}

/** Count-Min never counts too few, at most ε·N too many, and misses no value that is frequent enough. */
function expectCounts({ top }: Estimates, truth: Truth): void {
  expect(top.length).toBe(K);
  for (const { value, count } of top) {
    const exact = truth.count(value);
    expect(count).toBeGreaterThanOrEqual(exact);
    expect(count - exact).toBeLessThanOrEqual(COUNT_ERROR * truth.rows);
  }
  const last = top.at(-1)?.count ?? 0;
  const least = Math.max(last, (1 / CANDIDATES + COUNT_ERROR) * truth.rows);
  for (const value of truth.frequent(least).keys()) expect(top.map((entry) => entry.value)).toContain(value);
}

function expectQuantiles({ quantiles }: Estimates, truth: Truth): void {
  for (const [index, q] of QUANTILES.entries()) {
    const estimate = quantiles[index];
    expect(estimate, `quantile ${q}`).toBeGreaterThanOrEqual(truth.quantile(q - rankError(q)));
    expect(estimate, `quantile ${q}`).toBeLessThanOrEqual(truth.quantile(q + rankError(q)));
  }
}

/** The errors spread as a standard error of σ has them spread: nowhere biased, and far out no more often than chance. */
function expectSpread(errors: readonly number[], sigma: number): void {
  const total = errors.length;
  const mean = errors.reduce((sum, error) => sum + error, 0) / total;
  const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / total);
  const beyond = errors.filter((error) => Math.abs(error) > 3 * sigma).length;
  expect(Math.abs(mean)).toBeLessThanOrEqual((3 * sigma) / Math.sqrt(total));
  expect(deviation).toBeLessThanOrEqual(sigma * (1 + 3 / Math.sqrt(2 * total)));
  // One in 370 lies beyond 3 σ, give or take three times the deviation of such a number.
  expect(beyond).toBeLessThanOrEqual(total / 370 + 3 * Math.sqrt(total / 370));
}

test(`sketches of a million distinct values stay within their bounds over ${SEEDS} seeds`, async () => {
  // The same seeds every time: a bound that holds with a probability would else fail some day.
  const { seed, runs, replay } = draw(SEEDS, 0);
  const trials = Math.max(runs, SEEDS);
  const errors: number[] = [];
  const inexact = { distinct: 0, counts: 0, quantiles: 0 };
  for (let trial = seed; trial < seed + trials; trial++) {
    const streams = Array.from({ length: KEYS }, (_, key) => zipfian(KEY_ROWS, trial * KEYS + key));
    const windows = await estimates(streams);
    expect(windows.length).toBe(KEYS * 2);
    for (const window of windows) {
      const from = (window.start / SLICE_MICROS) * SLICE_ROWS;
      const truth = new Truth((streams[window.key] as Float64Array).subarray(from, from + WINDOW_ROWS));
      const distinct = truth.distinct();
      expect(distinct).toBeGreaterThan(1_000_000);
      const error = window.distinct / distinct - 1;
      expect(Math.abs(error), replay).toBeLessThanOrEqual(4.5 * DISTINCT_ERROR);
      // The two windows of a key share most of their rows, so only one is a trial of its own.
      if (from > 0) errors.push(error);
      expectCounts(window, truth);
      expectQuantiles(window, truth);
      inexact.distinct += Number(error !== 0);
      inexact.counts += Number(window.top.some(({ value, count }) => count !== truth.count(value)));
      inexact.quantiles += Number(QUANTILES.some((q, at) => window.quantiles[at] !== truth.quantile(q)));
    }
  }
  expectSpread(errors, DISTINCT_ERROR);
  // A list that had not been promoted to a sketch would be exact. So is an estimate by chance, now and then.
  for (const windows of Object.values(inexact)) expect(windows).toBeGreaterThan(0.9 * trials * KEYS * 2);
}, 900_000);
