/** Compares a table of windows that the engine wrote with DuckDB's, a stretch of event time after the other. */
import { KEY_COLUMNS, type Windowing } from './dataset.ts';
import { parquetIn, type Sql } from './duckdb.ts';
import type { ExpectedAccount } from './oracle.ts';
import { type QuantileExample, type SampleRow, type TableReport, TableTotals } from './table-report.ts';
import {
  countDifferences,
  countTopKErrors,
  LISTED,
  largestWindows,
  someDifferences,
} from './window-differences.ts';

/** Pairs of a row and a window that are compared at once; what keeps the memory flat. */
const PAIRS_AT_ONCE = 2_000_000n;

/** As many differing windows are shown. */
const SAMPLES = 5;

/** The columns of a table of windows after its key, as DuckDB must find them. */
const COLUMNS: readonly (readonly [string, string])[] = [
  ['window_start', 'TIMESTAMP'],
  ['window_end', 'TIMESTAMP'],
  ['flights', 'BIGINT'],
  ['mean_delay', 'DOUBLE'],
  ['p50_delay', 'DOUBLE'],
  ['p99_delay', 'DOUBLE'],
  ['destinations', 'BIGINT'],
  ['busiest', 'STRUCT("value" VARCHAR, count BIGINT)[]'],
];

/**
 * Compares the Parquet files in `folder` with the windows of the view `view` (`rangeWindows`). With allowed lateness the
 * files are a changelog, which is collapsed first. Memory stays flat; O(pairs of row and window).
 */
export async function compareWindows(
  sql: Sql,
  folder: string,
  view: string,
  windowing: Windowing,
  account: ExpectedAccount,
): Promise<TableReport> {
  const keys = KEY_COLUMNS[windowing.key];
  await checkColumns(sql, folder, keys, windowing.lateness > 0n);
  const totals = new TableTotals();
  for (const [from, to] of await stretches(sql, folder, windowing, account)) {
    const stretch = { folder, view, windowing, from, to };
    await loadStretch(sql, stretch);
    totals.add(await sql.row(countDifferences(windowing.size)));
    totals.add(await sql.row(countTopKErrors()));
    totals.examples.push(...(await sql.rows<QuantileExample>(largestWindows(keys))));
    if (totals.samples.length < SAMPLES)
      totals.samples.push(...(await sql.rows<SampleRow>(someDifferences(stretch))));
  }
  return totals.report();
}

async function checkColumns(sql: Sql, folder: string, keys: readonly string[], changelog: boolean) {
  const found = await sql.rows<{ column_name: string; column_type: string }>(
    `DESCRIBE FROM ${parquetIn(folder)}`,
  );
  const columns = [...(changelog ? ['op'] : []), ...keys].map((name) => [name, 'VARCHAR'] as const);
  const wanted = [...columns, ...COLUMNS].map(([name, type]) => `${name} ${type}`).join(', ');
  const present = found.map((column) => `${column.column_name} ${column.column_type}`).join(', ');
  if (present !== wanted) {
    throw new Error(`The files in ${folder} have the columns\n  ${present}\ninstead of\n  ${wanted}`);
  }
}

/** Cuts all window starts, the engine's and DuckDB's, into stretches [from, to) of about `PAIRS_AT_ONCE` pairs. */
async function stretches(
  sql: Sql,
  folder: string,
  { slide }: Windowing,
  account: ExpectedAccount,
): Promise<[bigint, bigint][]> {
  const { least, most } = await sql.row<{ least: bigint | null; most: bigint | null }>(`
    SELECT least(min(epoch_us(window_start)), ${account.firstStart}) AS least,
      greatest(max(epoch_us(window_start)), ${account.lastStart}) AS most
    FROM ${parquetIn(folder)}`);
  if (least === null || most === null) return [];
  // From a multiple of the slide, also when the engine wrote a window that does not start on one.
  const start = least - (((least % slide) + slide) % slide);
  const starts = (most - start) / slide + 1n;
  const pieces = account.pairs / PAIRS_AT_ONCE + 1n;
  const length = ((starts + pieces - 1n) / pieces) * slide;
  const result: [bigint, bigint][] = [];
  for (let from = start; from <= most; from += length) result.push([from, from + length]);
  return result;
}

/** The windows that start in [from, to). */
export interface Stretch {
  readonly folder: string;
  readonly view: string;
  readonly windowing: Windowing;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * A window of a key has one number within its stretch, so that all grouping and joining is on one integer: the number
 * of its start, and 12 bits for each column of the key; a `cell` adds 12 bits for a destination. 4095 stands for null.
 */
function windowId(start: string, { windowing, from }: Stretch): string {
  const codes = KEY_COLUMNS[windowing.key].map((column) => `${column}_code`);
  return `((${start} - ${from}) // ${windowing.slide}) * 16777216 + ${codes.join(' * 4096 + ') || '0'}`;
}

/** Fills `actual`, `tally` (by window and destination), `expected` (by window) and `joined` for the windows that start in [from, to). */
async function loadStretch(sql: Sql, stretch: Stretch): Promise<void> {
  const { view, windowing, from, to } = stretch;
  await loadActual(sql, stretch);
  await sql.run(`
    CREATE OR REPLACE TEMP TABLE pane AS
      SELECT ${windowId('start', stretch)} AS id, destination_code AS value, delay
      FROM (
        SELECT *, unnest(range(greatest(first_open, ${from}), least(last_start + 1, ${to}), ${windowing.slide})) AS start
        FROM ${view}
        -- The first two conditions follow from the others; they are here because the storage can skip blocks by them.
        WHERE time >= ${from} AND time < ${to + windowing.size}
          AND last_start >= ${from} AND first_open < ${to} AND first_open <= last_start);
    CREATE OR REPLACE TEMP TABLE tally AS
      SELECT id * 4096 + value AS cell, count(*) AS n, count(delay) AS delays, sum(delay) AS total FROM pane GROUP BY cell;
    CREATE OR REPLACE TEMP TABLE expected AS
      -- DuckDB's avg() rounds twice, through an extended double; a sum as a double over a count rounds as IEEE 754 says.
      SELECT cell // 4096 AS id, sum(n)::BIGINT AS flights, sum(delays)::BIGINT AS delays,
        sum(total)::DOUBLE / sum(delays)::DOUBLE AS mean_delay,
        count(*) FILTER (cell % 4096 <> 4095) AS destinations,
        max(n * 4096 + 4095 - cell % 4096, 3) FILTER (cell % 4096 <> 4095) AS busiest
      FROM tally GROUP BY ALL;
    CREATE OR REPLACE TEMP TABLE exact AS
      SELECT id, quantile_cont(delay, [0.5, 0.99]) AS exact
      FROM pane ANTI JOIN (FROM expected WHERE NOT ${LISTED}) USING (id) GROUP BY id;
    CREATE OR REPLACE TEMP TABLE ranks AS
      SELECT id, count(*) FILTER (delay < p50_delay) AS below50, count(*) FILTER (delay <= p50_delay) AS upto50,
        count(*) FILTER (delay < p99_delay) AS below99, count(*) FILTER (delay <= p99_delay) AS upto99
      FROM pane JOIN (
        SELECT id, p50_delay, p99_delay FROM expected JOIN actual USING (id) WHERE NOT ${LISTED}) USING (id)
      GROUP BY id;
    CREATE OR REPLACE TEMP TABLE joined AS
      SELECT e.*, exact, below50, upto50, below99, upto99, a.id IS NOT NULL AS written, a
      FROM expected AS e LEFT JOIN exact USING (id) LEFT JOIN ranks USING (id) FULL JOIN actual AS a ON a.id = e.id`);
}

/** What the engine wrote; a window that DuckDB cannot have (an unknown key, a start off the grid) gets a number of its own. */
async function loadActual(sql: Sql, stretch: Stretch): Promise<void> {
  const { folder, windowing, from, to } = stretch;
  const keys = KEY_COLUMNS[windowing.key];
  const changelog = windowing.lateness > 0n;
  const known = keys.map((key) => `(${key} IS NULL OR ${key}_code < 4095) AND `).join('');
  await sql.run(`
    CREATE OR REPLACE TEMP TABLE written AS
      SELECT ${keys.map((key) => `${key}, code(${key}) AS ${key}_code, `).join('')}
        epoch_us(window_start) AS start, epoch_us(window_end) AS "end",
        flights, mean_delay, p50_delay, p99_delay, destinations,
        list_transform(busiest, lambda b: b.count * 4096 + 4095 - code(b.value)) AS busiest,
        ${changelog ? "sum(CASE WHEN op IN ('+I', '+U') THEN 1 ELSE -1 END)" : '1'} AS copies
      FROM ${parquetIn(folder)}
      WHERE window_start >= make_timestamp(${from}) AND window_start < make_timestamp(${to})
      ${changelog ? 'GROUP BY ALL HAVING copies <> 0' : ''};
    CREATE OR REPLACE TEMP TABLE actual AS
      SELECT CASE WHEN ${known} (start - ${from}) % ${windowing.slide} = 0
        THEN ${windowId('start', stretch)} ELSE -1 - rowid END AS id, * FROM written;
    CREATE OR REPLACE TEMP TABLE repeated AS
      SELECT rowid AS nth FROM actual QUALIFY row_number() OVER (PARTITION BY id ORDER BY rowid) > 1;
    DELETE FROM actual WHERE rowid IN (FROM repeated)`);
}
