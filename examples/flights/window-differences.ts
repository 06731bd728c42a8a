/**
 * The queries that count what differs between the engine's windows and DuckDB's, over the tables that
 * `compare-windows.ts` fills: `joined` (a window a row, both sides), `tally` (a window and destination a row), `pane`.
 */
import type { Stretch } from './compare-windows.ts';
import { KEY_COLUMNS } from './dataset.ts';

/** Up to these counts a window's sketches are exact lists; see `crates/sketch`. */
const EXACT = { quantiles: 128, distinct: 64, topK: 64 } as const;

/** What the sketches promise beyond. */
export const BOUND = {
  /** Ranks off, as a share of the rows: π · √(q (1 − q)) / 200. */
  p50: (Math.PI * Math.sqrt(0.5 * 0.5)) / 200,
  p99: (Math.PI * Math.sqrt(0.99 * 0.01)) / 200,
  /** Three standard errors of a HyperLogLog with 4,096 registers, relative. */
  distinct: (3 * 1.04) / Math.sqrt(4096),
  /** A Count-Min count is too high by at most this share of the rows… */
  topK: Math.E / 2048,
  /** …except for this share of the counts. */
  topKExceptions: Math.exp(-5),
  /** A value with a larger share of the rows than this is among the candidates. */
  candidate: 1 / 64 + Math.E / 2048,
} as const;

/** Whether a window has so few rows that its quantiles are exact. */
export const LISTED = `delays <= ${EXACT.quantiles}`;

/** How many ranks the answer is off, as a share: 0 between the neighbours of the place q · (n − 1), counted from 0. */
function rankError(q: number, name: string): string {
  const place = `${q} * (delays - 1)`;
  return `greatest(below${name} - ceil(${place}), floor(${place}) + 1 - upto${name}, 0) / delays`;
}

/** Two interpolations may round differently in the last bits. */
function sameQuantile(a: string, b: string): string {
  return `coalesce(abs(${a} - ${b}) <= 1e-12 * greatest(abs(${a}), abs(${b})), false)`;
}

function differences(size: bigint): Record<string, string> {
  return {
    window_end: `a."end" <> a.start + ${size}`,
    flights: 'a.flights IS DISTINCT FROM flights',
    mean_delay: 'a.mean_delay IS DISTINCT FROM mean_delay',
    p50_delay: `${LISTED} AND NOT ${sameQuantile('a.p50_delay', 'exact[1]')}`,
    p99_delay: `${LISTED} AND NOT ${sameQuantile('a.p99_delay', 'exact[2]')}`,
    destinations: `destinations <= ${EXACT.distinct} AND a.destinations IS DISTINCT FROM destinations`,
    busiest: `destinations <= ${EXACT.topK} AND a.busiest IS DISTINCT FROM busiest`,
  };
}

/** Counts the windows that differ, per column, and those that break a bound. */
export function countDifferences(size: bigint): string {
  const off = 'abs(a.destinations - destinations) / destinations';
  const both = 'written AND id IS NOT NULL';
  const different = Object.entries(differences(size)).map(
    ([column, test]) => `count(*) FILTER (${both} AND ${test}) AS "different:${column}"`,
  );
  return `
    SELECT count(id) AS windows,
      count(*) FILTER (NOT written) AS missing,
      count(*) FILTER (id IS NULL) AS extra,
      (SELECT count(*) FROM repeated) + (SELECT count(*) FROM actual WHERE copies <> 1) AS duplicates,
      ${different.join(', ')},
      count(*) FILTER (NOT ${LISTED}) AS "approximated:quantiles",
      count(*) FILTER (destinations > ${EXACT.distinct}) AS "approximated:destinations",
      count(*) FILTER (destinations > ${EXACT.topK}) AS "approximated:busiest",
      max(${rankError(0.5, '50')}) FILTER (written AND NOT ${LISTED}) AS "error:p50",
      max(${rankError(0.99, '99')}) FILTER (written AND NOT ${LISTED}) AS "error:p99",
      max(${off}) FILTER (written AND destinations > ${EXACT.distinct}) AS "error:destinations",
      count(*) FILTER (written AND NOT ${LISTED} AND NOT coalesce(${rankError(0.5, '50')} <= ${BOUND.p50}, false)) AS "beyond:p50_delay",
      count(*) FILTER (written AND NOT ${LISTED} AND NOT coalesce(${rankError(0.99, '99')} <= ${BOUND.p99}, false)) AS "beyond:p99_delay",
      count(*) FILTER (written AND destinations > ${EXACT.distinct} AND NOT coalesce(${off} <= ${BOUND.distinct}, false)) AS "beyond:destinations",
      count(*) FILTER (${both} AND a.busiest IS DISTINCT FROM list_reverse_sort(a.busiest)) AS "beyond:busiest (order)"
    FROM joined`;
}

/** Count-Min: never too low, seldom too high by more than its bound, and no frequent value is left out. */
export function countTopKErrors(): string {
  return `
  WITH sketched AS (SELECT id, flights, a.busiest AS busiest FROM joined WHERE written AND destinations > ${EXACT.topK}),
  listed AS (
    SELECT n, flights, busiest[-1] // 4096 AS least,
      list_position(list_transform(busiest, lambda b: 4095 - b % 4096), cell % 4096) AS place,
      busiest[place] // 4096 AS count
    FROM tally JOIN sketched ON cell // 4096 = id)
  SELECT max((count - n) / flights) AS "error:busiest",
    count(count) AS "topk:counts",
    count(*) FILTER (count > n + ${BOUND.topK} * flights) AS "topk:exceptions",
    count(*) FILTER (count < n) AS "beyond:busiest (too low)",
    count(*) FILTER (place IS NULL AND n > ${BOUND.candidate} * flights AND n > coalesce(least, 0)) AS "beyond:busiest (left out)",
    (SELECT count(*) FROM sketched WHERE coalesce(len(busiest), 0) <> 3) AS "beyond:busiest (not three)"
  FROM listed`;
}

/** How many windows are shown with their p99. */
export const EXAMPLES = 5;

/** The windows with the most flights, with their p99 and the exact one. */
export function largestWindows(keys: readonly string[]): string {
  const names = keys.map((key) => `a.${key}`).join(', ');
  return `
    WITH largest AS (FROM joined WHERE written AND id IS NOT NULL ORDER BY flights DESC, id LIMIT ${EXAMPLES}),
    exact AS (SELECT id, quantile_cont(delay, 0.99) AS exact FROM pane SEMI JOIN largest USING (id) GROUP BY id)
    SELECT array_to_string([${names}]::VARCHAR[], ' to ') AS key, a.start AS start, flights, a.p99_delay AS p99, exact.exact
    FROM largest JOIN exact USING (id)`;
}

/** Windows that differ, with both sides as text. */
export function someDifferences({ windowing: { slide, size, key }, from }: Stretch): string {
  const names = KEY_COLUMNS[key].map(
    (_, nth, { length }) => `airport_of(id // ${4096 ** (length - 1 - nth)} % 4096)`,
  );
  const start = `make_timestamp((id // 16777216) * ${slide} + ${from})`;
  return `
    SELECT CASE WHEN id IS NULL THEN 'no such window' ELSE concat_ws(' ', ${[...names, start].join(', ')}) END AS window,
      {'flights': flights, 'mean': mean_delay, 'quantiles': exact, 'destinations': destinations,
       'busiest': busiest_of(busiest)}::VARCHAR AS expected,
      {'start': make_timestamp(a.start), 'end': make_timestamp(a."end"), 'flights': a.flights, 'mean': a.mean_delay,
       'quantiles': [a.p50_delay, a.p99_delay], 'destinations': a.destinations,
       'busiest': busiest_of(a.busiest)}::VARCHAR AS written
    FROM joined WHERE id IS NULL OR NOT written OR ${Object.values(differences(size)).join(' OR ')} LIMIT 5`;
}
