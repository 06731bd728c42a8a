/** The verifier itself: two oracles that share no code agree, and nothing that is wrong passes. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOUR, MINUTE, type Windowing } from '../../examples/flights/dataset.ts';
import { openDuckDB, quoted } from '../../examples/flights/duckdb.ts';
import { describeVerification, verify } from '../../examples/flights/verify.ts';
import { naiveDelays, writeNaiveOutput } from './naive-output.ts';
import { type Flight, replay, writePrefix } from './prefix.ts';

const ROWS = 20_000;
let folder: string;
let source: string;
let rows: Flight[];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-verify-'));
  source = await writePrefix(folder, ROWS);
  rows = await replay(source);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const hourly: Windowing = { key: 'origin', size: HOUR, slide: 10n * MINUTE, lag: HOUR, lateness: 0n };

describe('DuckDB and the naive windows agree', () => {
  const cases: [string, Windowing, number?][] = [
    ['hourly by origin', hourly],
    [
      'a slide that does not divide the size, by destination',
      { ...hourly, key: 'destination', slide: 7n * MINUTE },
    ],
    ['gaps between windows, by route', { ...hourly, key: 'route', slide: 100n * MINUTE }],
    ['no key, no lag', { ...hourly, key: 'none', lag: 0n }],
    ['updates within an allowed lateness', { ...hourly, lag: 20n * MINUTE, lateness: 2n * HOUR }, 3_000],
  ];
  test.each(cases)('%s', async (name, windowing, prefix = ROWS) => {
    const source = await writePrefix(folder, prefix);
    const rows = await replay(source);
    const out = path.join(folder, name.replaceAll(/\W+/g, '-'));
    await writeNaiveOutput(out, rows, windowing);
    const report = await verify({ source, out, windowing });
    expect(describeVerification(report).join('\n')).toContain('Equal to DuckDB');
    const { account, finalResults, changelog } = naiveDelays(rows, windowing);
    const { accounts } = report;
    expect(report.windows.windows).toBe(BigInt(finalResults.length));
    expect({
      rowsIn: Number(accounts.windows.rows),
      inSomeWindow: Number(accounts.windows.inSomeWindow),
      lateForAll: Number(accounts.windows.lateForAll),
      inNoWindow: Number(accounts.windows.inNoWindow),
      nullTime: Number(accounts.windows.nullTime),
      lateForSome: Number(accounts.windows.lateForSome),
      ahead: 0,
    }).toEqual(account);
    const inserts = changelog.filter(({ op }) => op === '+I').length;
    const firsts = changelog.filter(({ op }) => op === '+U').length + inserts;
    expect(BigInt(firsts - naiveDelays(rows, windowing).firstResults.length)).toBe(accounts.windows.updates);
  });
});

describe('whatever is wrong is found', () => {
  let out: string;
  beforeAll(async () => {
    out = path.join(folder, 'tampered');
    await writeNaiveOutput(out, rows, hourly);
  });

  /** Rewrites a table through `query`, where `t` is the table, verifies, and puts it back. */
  async function tampered(table: string, query: string) {
    const file = path.join(out, table, 'part-0.parquet');
    const original = path.join(out, `${table}.original`);
    await rename(file, original);
    try {
      await using sql = await openDuckDB();
      await sql.run(
        `COPY (WITH t AS (SELECT * FROM read_parquet(${quoted(original)}, file_row_number = true))
           SELECT * EXCLUDE (file_row_number) FROM (${query})) TO ${quoted(file)} (FORMAT parquet)`,
      );
      return await verify({ source, out, windowing: hourly });
    } finally {
      await rename(original, file);
    }
  }
  const changed = (column: string, value: string) =>
    `SELECT * REPLACE (CASE WHEN file_row_number = 17 THEN ${value} ELSE ${column} END AS ${column}) FROM t`;

  const columns: [string, string][] = [
    ['window_end', "window_end + INTERVAL '1 microsecond'"],
    ['flights', 'flights + 1'],
    ['mean_delay', 'mean_delay * (1 + 2.3e-16)'],
    ['p50_delay', 'p50_delay + 0.001'],
    ['p99_delay', 'NULL'],
    ['destinations', 'destinations - 1'],
    ['busiest', 'list_append(busiest, busiest[1])'],
  ];
  test.each(columns)('another %s in one window', async (column, value) => {
    const report = await tampered('windows', changed(column, value));
    expect(report.equal).toBe(false);
    const wrong = Object.entries(report.windows.different).filter(([, count]) => count > 0n);
    expect(wrong).toEqual([[column, 1n]]);
    expect(report.windows.samples).toHaveLength(1);
  });

  test('a window left out, written twice, of another time, of another key', async () => {
    const counts = async (query: string) => {
      const { equal, windows } = await tampered('windows', query);
      return { equal, missing: windows.missing, extra: windows.extra, duplicates: windows.duplicates };
    };
    const none = { equal: false, missing: 0n, extra: 0n, duplicates: 0n };
    expect(await counts('FROM t WHERE file_row_number <> 17')).toEqual({ ...none, missing: 1n });
    expect(await counts('FROM t UNION ALL FROM t WHERE file_row_number = 17')).toEqual({
      ...none,
      duplicates: 1n,
    });
    const moved = { ...none, missing: 1n, extra: 1n };
    expect(await counts(changed('window_start', "window_start + INTERVAL '1 minute'"))).toEqual(moved);
    expect(await counts(changed('window_start', "window_start - INTERVAL '5 years'"))).toEqual(moved);
    expect(await counts(changed('origin', "'NOWHERE'"))).toEqual(moved);
  });

  test('late rows left out, invented, or with another lateness', async () => {
    const late = async (query: string) => (await tampered('late', query)).late;
    expect(await late('FROM t WHERE file_row_number <> 3')).toMatchObject({
      equal: false,
      missing: 1n,
      extra: 0n,
    });
    expect(await late('FROM t UNION ALL FROM t WHERE file_row_number = 3')).toMatchObject({
      missing: 0n,
      extra: 1n,
    });
    expect(await late(changed('lateness', 'lateness + 1'))).toMatchObject({ missing: 1n, extra: 1n });
  });

  test('sketches beyond their bounds, where they approximate', async () => {
    const first = (column: string, value: string) =>
      changed(column, value).replace('file_row_number = 17', 'flights = max(flights) OVER ()');
    const beyond = async (query: string) => {
      const report = await tampered('network', query);
      expect(report.network.approximated.quantiles).toBeGreaterThan(0n);
      return Object.entries(report.network.beyondBounds)
        .filter(([, count]) => count > 0n)
        .map(([what]) => what);
    };
    expect(await beyond(first('p99_delay', 'p50_delay'))).toEqual(['p99_delay']);
    expect(await beyond(first('destinations', '(destinations * 1.06)::BIGINT'))).toEqual(['destinations']);
    expect(await beyond(first('destinations', 'destinations + 1'))).toEqual([]);
    expect(await beyond(first('busiest', 'list_reverse(busiest)'))).toContain('busiest (order)');
    const fewer = "list_transform(busiest, lambda b: {'value': b.value, 'count': b.count - 1})";
    expect(await beyond(first('busiest', fewer))).toContain('busiest (too low)');
    expect(await beyond(first('busiest', 'busiest[2:]'))).toContain('busiest (left out)');
    const more = "list_transform(busiest, lambda b: {'value': b.value, 'count': b.count * 2})";
    expect(await beyond(`SELECT * REPLACE (${more} AS busiest) FROM t`)).toContain('busiest (too high)');
  });

  test('other columns are refused with both lists', async () => {
    await expect(tampered('windows', 'SELECT * RENAME (flights AS count) FROM t')).rejects.toThrow(
      /flights BIGINT/,
    );
  });
});
