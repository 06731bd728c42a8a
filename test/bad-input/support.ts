/** What the tests of bad input share: a folder of their own, errors to look at, and a job that must still work. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { openDuckDB, parquetIn, quoted } from '../../examples/flights/duckdb.ts';
import {
  count,
  type HeadraceError,
  isHeadraceError,
  type Output,
  type RunOptions,
  sink,
  source,
  sum,
  t,
  tumbling,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';

/** Columns of the small streams in these tests. */
export const reading = { at: t.timestamp(), key: t.utf8(), value: t.i64() };

/** Rows of {@link reading}, a second apart; the keys take turns. */
export const readings = Array.from({ length: 120 }, (_, row) => ({
  at: BigInt(row) * 1_000_000n,
  key: row % 2 === 0 ? 'even' : 'odd',
  value: BigInt(row),
}));

/** A job whose answer is known: it must be right whatever failed before it in this process. */
export async function canary(): Promise<void> {
  const out = source
    .rows(readings, { schema: reading })
    .watermark('at', { lag: '0s' })
    .keyBy('key')
    .window(tumbling('1m'))
    .aggregate((f) => ({ n: count(), total: sum(f.value) }))
    .to(sink.collect());
  const { metrics } = await finished(out, { parallelism: 2, batchRows: 7 });
  const text = out.rows.map(({ key, window_start, n, total }) => `${key} ${window_start} ${n} ${total}`);
  // The even numbers below 60 sum up to 870, the odd ones to 900; of the next sixty each is 60 larger.
  expect(text.sort()).toEqual([
    'even 0 30 870',
    'even 60000000 30 2670',
    'odd 0 30 900',
    'odd 60000000 30 2700',
  ]);
  expect([metrics.exportedBytes, metrics.threads]).toEqual([0, 0]);
}

/** The error of ours with which `attempt` throws or rejects. */
export async function failure(attempt: () => unknown): Promise<HeadraceError> {
  let answer: unknown;
  try {
    answer = await attempt();
  } catch (error) {
    if (isHeadraceError(error)) return error;
    throw error;
  }
  throw new Error(`It did not fail, but answered ${String(answer)}.`);
}

/** The error of ours with which a job fails, at its start or later. */
export function failureOf(
  outputs: Output | readonly Output[],
  options: RunOptions = {},
): Promise<HeadraceError> {
  return failure(() => finished(outputs, options));
}

/** A folder that is there during each test of the file; afterwards the canary runs and the folder goes. */
export function scene(): { path(...names: string[]): string } {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'headrace-bad-input-'));
  });
  afterEach(async () => {
    await canary();
    await rm(folder, { recursive: true, force: true });
  });
  return { path: (...names) => path.join(folder, ...names) };
}

/** Writes the result of a query as a Parquet file, by another engine than ours. */
export async function writeParquet(file: string, query: string, more = ''): Promise<string> {
  await using sql = await openDuckDB();
  await sql.run(`COPY (${query}) TO ${quoted(file)} (FORMAT parquet${more})`);
  return file;
}

/** The rows in the Parquet files of a folder, read by another engine than ours. */
export async function rowsIn(folder: string, order = 'ALL'): Promise<Record<string, unknown>[]> {
  await using sql = await openDuckDB();
  // Awaited here, because the database closes on return.
  return await sql.rows(`FROM ${parquetIn(folder)} ORDER BY ${order}`);
}

/** How many rows each of the Parquet files of a folder holds. */
export async function rowsOfFiles(folder: string): Promise<number[]> {
  await using sql = await openDuckDB();
  const pattern = quoted(path.join(folder, '*.parquet'));
  const files = await sql.rows<{ n: bigint }>(
    `SELECT num_rows AS n FROM parquet_file_metadata(${pattern}) ORDER BY file_name`,
  );
  return files.map(({ n }) => Number(n));
}

/** The committed Parquet files of a folder. */
export async function parquetFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.parquet')).sort();
}

/** Waits for something that a job does. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
