import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Checksums, checksums, differences } from '../../examples/flights/checksum.ts';
import { HOUR } from '../../examples/flights/dataset.ts';
import { openDuckDB, quoted } from '../../examples/flights/duckdb.ts';
import { writeNaiveOutput } from './naive-output.ts';
import { replay, writePrefix } from './prefix.ts';

let folder: string;
let out: string;
let original: Checksums;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-checksum-'));
  out = path.join(folder, 'out');
  const rows = await replay(await writePrefix(folder, 2_000));
  await writeNaiveOutput(out, rows, { key: 'origin', size: HOUR, slide: HOUR, lag: 0n, lateness: 0n });
  original = await checksums(out);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The checksums after the `windows` were written anew by `select` from the table `t`. */
async function rewritten(select: string): Promise<Checksums> {
  const copy = path.join(folder, 'copy');
  await cp(out, copy, { recursive: true });
  const from = quoted(path.join(out, 'windows/part-0.parquet'));
  const to = (part: number) => quoted(path.join(copy, `windows/part-${part}.parquet`));
  await using sql = await openDuckDB();
  await sql.run(`CREATE TABLE u AS WITH t AS (SELECT *, row_number() OVER () AS nth FROM ${from}) ${select}`);
  await sql.run(`COPY (SELECT * EXCLUDE (nth) FROM u WHERE nth % 2 = 0) TO ${to(0)} (FORMAT parquet)`);
  await sql.run(`COPY (SELECT * EXCLUDE (nth) FROM u WHERE nth % 2 = 1) TO ${to(1)} (FORMAT parquet)`);
  return checksums(copy);
}

test('neither the order of rows nor their spread over files matters', async () => {
  const again = await rewritten('FROM t ORDER BY hash(nth)');
  expect(again).toEqual(original);
  expect(differences(again, original)).toEqual([]);
  expect(original.windows.rows).toBeGreaterThan(100n);
});

test.each([
  ['a row less', 'FROM t WHERE nth > 1'],
  ['a row twice', 'FROM t UNION ALL FROM t WHERE nth = 1'],
  [
    'a row exchanged for another',
    'SELECT * REPLACE (CASE nth WHEN 1 THEN 2 ELSE nth END AS nth) FROM t WHERE nth <> 2 UNION ALL FROM t WHERE nth = 3',
  ],
  [
    'a float in its last bit',
    'SELECT * REPLACE (CASE nth WHEN 7 THEN mean_delay * (1 + 2.3e-16) ELSE mean_delay END AS mean_delay) FROM t',
  ],
  [
    'a count inside a list',
    "SELECT * REPLACE (list_transform(busiest, lambda b: {'value': b.value, 'count': b.count + 1}) AS busiest) FROM t",
  ],
])('%s is seen', async (_, select) => {
  const other = await rewritten(select);
  expect(differences(other, original)).toEqual([expect.stringMatching(/^windows: \d+ rows/)]);
});
