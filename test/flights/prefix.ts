/** Small pieces of the flights, as Parquet files and as rows. */
import path from 'node:path';
import { flightsFile } from '../../examples/flights/dataset.ts';
import { openDuckDB, quoted } from '../../examples/flights/duckdb.ts';

/** A flight as a plain row; `date` in µs. */
export interface Flight {
  readonly date: bigint;
  readonly delay: bigint;
  readonly distance: bigint;
  readonly origin: string;
  readonly destination: string;
}

/** Writes the first `rows` flights of the file into `folder` and returns the path; types and order stay. */
export async function writePrefix(folder: string, rows: number): Promise<string> {
  const file = path.join(folder, `flights-${rows}.parquet`);
  await using sql = await openDuckDB();
  await sql.run(`COPY (FROM ${quoted(flightsFile())} LIMIT ${rows}) TO ${quoted(file)} (FORMAT parquet)`);
  return file;
}

/** The rows of a file written by {@link writePrefix}, in the order in which they were seen: by date + delay, then as in the file. */
export async function replay(file: string): Promise<Flight[]> {
  await using sql = await openDuckDB();
  const rows = await sql.rows<Flight>(
    `SELECT epoch_us(date) AS date, delay, distance, origin, destination FROM ${quoted(file)}`,
  );
  const seen = (row: Flight) => row.date + row.delay * 60_000_000n;
  // Array.prototype.sort is stable, so ties stay in file order.
  return rows.sort((a, b) => (seen(a) < seen(b) ? -1 : seen(a) > seen(b) ? 1 : 0));
}
