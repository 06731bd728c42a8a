/** The worst hours, read back from the committed files by DuckDB. */
import path from 'node:path';
import { KEY_COLUMNS, type Windowing } from './dataset.ts';
import { openDuckDB, parquetIn } from './duckdb.ts';
import { amount, minute, table } from './text.ts';

/** Windows with fewer flights than this say little. */
const FLIGHTS_MIN = 20;
const SHOWN = 10;

interface Hour {
  readonly place: string;
  readonly start: bigint;
  readonly flights: bigint;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly destinations: bigint;
  readonly busiest: string;
}

/** The windows with the highest mean delay, as lines of a table. */
export async function worstHours(out: string, windowing: Windowing): Promise<string[]> {
  await using sql = await openDuckDB();
  const keys = KEY_COLUMNS[windowing.key];
  const columns = [
    ...keys,
    'window_start, flights, mean_delay, p50_delay, p99_delay, destinations, busiest',
  ].join(', ');
  // A changelog holds what a window once was as well; what was not taken back is what it is.
  const standing = "GROUP BY ALL HAVING sum(CASE WHEN op IN ('+I', '+U') THEN 1 ELSE -1 END) > 0";
  const hours = await sql.rows<Hour>(`
    WITH standing AS (
      SELECT ${columns} FROM ${parquetIn(path.join(out, 'windows'))} WHERE flights >= ${FLIGHTS_MIN}
      ${windowing.lateness > 0n ? standing : ''})
    SELECT concat_ws(' → ', ${keys.length === 0 ? "'all'" : keys.join(', ')}) AS place, epoch_us(window_start) AS start,
      flights, mean_delay AS mean, p50_delay AS p50, p99_delay AS p99, destinations,
      array_to_string(list_transform(busiest, lambda b: b.value || ' ' || b.count), ', ') AS busiest
    FROM standing ORDER BY mean DESC, start, place LIMIT ${SHOWN}`);
  if (hours.length === 0) return [`No window has ${FLIGHTS_MIN} flights.`];
  const heads = [
    keys.join(' → ') || 'key',
    'from (UTC)',
    'flights',
    'mean',
    'p50',
    'p99',
    'destinations',
    'busiest',
  ];
  const cells = hours.map((hour) => [
    hour.place,
    minute(hour.start),
    amount(hour.flights),
    hour.mean.toFixed(1),
    hour.p50.toFixed(1),
    hour.p99.toFixed(1),
    amount(hour.destinations),
    hour.busiest,
  ]);
  return table(heads, cells, ['flights', 'mean', 'p50', 'p99', 'destinations']);
}
