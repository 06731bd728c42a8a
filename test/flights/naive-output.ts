/** The output of the flights job, computed by the naive windows and written the way the engine writes it. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { KEY_COLUMNS, NETWORK, type Windowing } from '../../examples/flights/dataset.ts';
import { openDuckDB, quoted, type Sql } from '../../examples/flights/duckdb.ts';
import * as exact from '../oracle/exact.ts';
import { type Change, type NaiveResult, naiveWindows } from '../oracle/naive-window.ts';
import type { Flight } from './prefix.ts';

interface Delays {
  readonly flights: bigint;
  readonly mean_delay: number | null;
  readonly p50_delay: number;
  readonly p99_delay: number;
  readonly destinations: bigint;
  readonly busiest: readonly { value: string; count: bigint }[];
}

const COLUMNS = `window_start: 'TIMESTAMP', window_end: 'TIMESTAMP', flights: 'BIGINT', mean_delay: 'DOUBLE',
  p50_delay: 'DOUBLE', p99_delay: 'DOUBLE', destinations: 'BIGINT', busiest: 'STRUCT("value" VARCHAR, "count" BIGINT)[]'`;
const LATE_COLUMNS = `date: 'TIMESTAMP', delay: 'BIGINT', distance: 'BIGINT', origin: 'VARCHAR', destination: 'VARCHAR',
  lateness: 'BIGINT'`;

/** Windows `rows` (in replay order) naively. */
export function naiveDelays(rows: readonly Flight[], windowing: Windowing): NaiveResult<Flight, Delays> {
  return naiveWindows([rows], {
    ...windowing,
    time: (row) => row.date,
    key: (row) => KEY_COLUMNS[windowing.key].map((column) => row[column]),
    aggregate: (held) => {
      const delays = held.map((row) => row.delay);
      const destinations = held.map((row) => row.destination);
      return {
        flights: exact.count(held),
        mean_delay: exact.mean(delays),
        p50_delay: interpolated(delays, 0.5),
        p99_delay: interpolated(delays, 0.99),
        destinations: exact.distinct(destinations),
        busiest: exact.topK(destinations, 3),
      };
    },
  });
}

/** Writes `windows/`, `network/` and `late/` into `out`. */
export async function writeNaiveOutput(
  out: string,
  rows: readonly Flight[],
  windowing: Windowing,
): Promise<void> {
  await using sql = await openDuckDB();
  const windows = naiveDelays(rows, windowing);
  const network = naiveDelays(rows, { ...windowing, ...NETWORK, key: 'none' });
  await writeWindows(sql, path.join(out, 'windows'), windows.changelog, windowing);
  await writeWindows(sql, path.join(out, 'network'), network.changelog, { ...windowing, key: 'none' });
  const late = windows.late.map(({ row, lateness }) => ({ ...row, date: timestamp(row.date), lateness }));
  await writeParquet(sql, path.join(out, 'late'), LATE_COLUMNS, late);
}

async function writeWindows(
  sql: Sql,
  folder: string,
  changelog: readonly Change<Delays>[],
  windowing: Windowing,
): Promise<void> {
  const keys = KEY_COLUMNS[windowing.key];
  const updates = windowing.lateness > 0n;
  const rows = changelog.map(({ op, key, start, end, result }) => ({
    ...(updates ? { op } : {}),
    ...Object.fromEntries(keys.map((column, index) => [column, key[index]])),
    window_start: timestamp(start),
    window_end: timestamp(end),
    ...result,
  }));
  const text = [...(updates ? ['op'] : []), ...keys].map((column) => `${column}: 'VARCHAR', `).join('');
  await writeParquet(sql, folder, text + COLUMNS, rows);
}

async function writeParquet(
  sql: Sql,
  folder: string,
  columns: string,
  rows: readonly object[],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const json = path.join(folder, 'rows.ndjson');
  const line = (row: object) =>
    JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? Number(value) : value));
  await writeFile(json, rows.map((row) => `${line(row)}\n`).join(''));
  const read = `read_json(${quoted(json)}, columns = {${columns}}, format = 'newline_delimited')`;
  await sql.run(`COPY (FROM ${read}) TO ${quoted(path.join(folder, 'part-0.parquet'))} (FORMAT parquet)`);
}

/** SQL's `quantile_cont`. */
function interpolated(values: readonly bigint[], q: number): number {
  const sorted = values.map(Number).sort((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) throw new RangeError('no values');
  return low + (high - low) * (place - Math.floor(place));
}

function timestamp(micros: bigint): string {
  return new Date(Number(micros / 1000n)).toISOString().replace('Z', '');
}
