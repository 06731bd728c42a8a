/**
 * The same answer in SQL: DuckDB evaluates the flights job from its definition, over the whole input at once.
 * The row watermark is a running maximum over the replay order; a row's windows are a range of window starts.
 */
import { NETWORK, type Windowing } from './dataset.ts';
import { quoted, type Sql } from './duckdb.ts';

/** Where the rows of the input must go. */
export interface ExpectedAccount {
  readonly rows: bigint;
  readonly inSomeWindow: bigint;
  readonly lateForAll: bigint;
  readonly lateForSome: bigint;
  readonly inNoWindow: bigint;
  readonly nullTime: bigint;
  /** Pairs of a row and a window that takes it. */
  readonly pairs: bigint;
  /** Pairs that come after the window has fired: each is one update. */
  readonly updates: bigint;
  /** The first and last window start; null without windows. */
  readonly firstStart: bigint | null;
  readonly lastStart: bigint | null;
}

/** Loads the flights of `source` into the table `replay`, in the order in which they were seen, each with its row watermark. */
export async function loadReplay(sql: Sql, source: string, lag: bigint): Promise<void> {
  const file = quoted(source);
  await sql.run(`
    CREATE TYPE airport AS ENUM (
      SELECT DISTINCT unnest([origin, destination]) AS name FROM ${file}
      WHERE origin IS NOT NULL AND destination IS NOT NULL ORDER BY name);
    CREATE MACRO code(name) AS coalesce(enum_code(TRY_CAST(name AS airport))::INTEGER, 4095);
    CREATE MACRO airport_of(code) AS enum_range(NULL::airport)[code + 1];
    CREATE MACRO busiest_of(codes) AS
      list_transform(codes, lambda b: {'value': airport_of(4095 - b % 4096), 'count': b // 4096});
    CREATE MACRO floor_to(x, step) AS x - ((x % step) + step) % step;
    -- Like the engine, the order is by when a flight was seen, nulls last and ties as in the file.
    CREATE TABLE seen AS
      SELECT epoch_us(date) AS time, delay, distance, origin::airport AS origin, destination::airport AS destination,
        code(origin) AS origin_code, code(destination) AS destination_code
      FROM read_parquet(${file}, file_row_number = true)
      ORDER BY time + delay * 60000000 NULLS LAST, file_row_number;
    CREATE TABLE replay AS
      SELECT *, max(time) OVER (ORDER BY rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) - ${lag} AS watermark
      FROM seen;
    DROP TABLE seen`);
}

/**
 * Defines the view `name`: `replay` with the range of window starts each row falls into (`first_any` to `last_start`),
 * of those that still take it (`first_open`), and of those that have not fired (`first_on_time`). Needs {@link loadReplay}.
 */
export async function rangeWindows(
  sql: Sql,
  name: string,
  { size, slide, lateness }: { size: bigint; slide: bigint; lateness: bigint },
): Promise<void> {
  // The least multiple of the slide above x is where the windows [s, s + size) with s > x begin.
  const above = (x: string) => `floor_to(${x}, ${slide}) + ${slide}`;
  const notPast = (end: string) => `greatest(${above(`time - ${size}`)}, ${above(`watermark - ${end}`)})`;
  await sql.run(`
    CREATE VIEW ${name} AS SELECT *,
      floor_to(time, ${slide}) AS last_start,
      ${above(`time - ${size}`)} AS first_any,
      ${notPast(`${size + lateness}`)} AS first_open,
      ${notPast(`${size}`)} AS first_on_time
    FROM replay`);
}

/** Counts where the rows of the view `name` go. */
export async function expectedAccount(sql: Sql, name: string, slide: bigint): Promise<ExpectedAccount> {
  const windows = (first: string) => `greatest((last_start - ${first}) // ${slide} + 1, 0)`;
  return await sql.row(`
    SELECT count(*) AS rows,
      count(*) FILTER (first_open <= last_start) AS "inSomeWindow",
      count(*) FILTER (first_any <= last_start AND first_open > last_start) AS "lateForAll",
      count(*) FILTER (first_any < first_open AND first_open <= last_start) AS "lateForSome",
      count(*) FILTER (first_any > last_start) AS "inNoWindow",
      count(*) FILTER (time IS NULL) AS "nullTime",
      coalesce(sum(${windows('first_open')}), 0)::BIGINT AS pairs,
      coalesce(sum(${windows('first_open')} - ${windows('first_on_time')}), 0)::BIGINT AS updates,
      min(first_open) FILTER (first_open <= last_start) AS "firstStart",
      max(last_start) FILTER (first_open <= last_start) AS "lastStart"
    FROM ${name}`);
}

/** The rows that are late for all of their windows in the view `name`, with the columns of the side output. */
export function lateRows(name: string): string {
  return `SELECT make_timestamp(time) AS date, delay, distance, origin, destination, watermark - time AS lateness
    FROM ${name} WHERE first_any <= last_start AND first_open > last_start`;
}

/** The windowing of the network table of a job. */
export function networkWindowing(windowing: Windowing): Windowing {
  return { ...windowing, ...NETWORK, key: 'none' };
}
