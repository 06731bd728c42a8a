/** The flights job through the whole engine: equal to DuckDB, and to itself however it is run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountOf, type RowAccount, unexplained } from '../../examples/flights/account.ts';
import { checksums } from '../../examples/flights/checksum.ts';
import { DAY, flightsFile, HOUR, MINUTE, type Windowing } from '../../examples/flights/dataset.ts';
import { type JobSettings, startJob } from '../../examples/flights/job.ts';
import type { ExpectedAccount } from '../../examples/flights/oracle.ts';
import { describeVerification, verify } from '../../examples/flights/verify.ts';
import { writePrefix } from './prefix.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-flights-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const hourly: Windowing = { key: 'origin', size: HOUR, slide: 10n * MINUTE, lag: 3n * HOUR, lateness: 0n };

let runs = 0;

/** Runs the job over `source` into a folder of its own. */
async function runJob(source: string, windowing: Windowing, settings: Partial<JobSettings> = {}) {
  const out = path.join(folder, `run-${runs++}`);
  const job = await startJob({
    source,
    out,
    windowing,
    parallelism: 2,
    batchRows: 8192,
    rate: null,
    checkpointMs: null,
    fresh: false,
    ...settings,
  });
  const { outcome, metrics } = await job.done;
  expect(outcome).toBe('finished');
  return { out, metrics, delays: accountOf(metrics, 'delays'), network: accountOf(metrics, 'network') };
}

function expectAccount(account: RowAccount, expected: ExpectedAccount, windows: bigint): void {
  expect(unexplained(account)).toBe(0);
  expect({
    read: BigInt(account.read),
    inSomeWindow: BigInt(account.inSomeWindow),
    lateForAll: BigInt(account.lateForAll),
    lateForSome: BigInt(account.lateForSome),
    inNoWindow: BigInt(account.inNoWindow),
    nullTime: BigInt(account.dropped.nullTime ?? 0),
    updates: BigInt(account.updates),
  }).toEqual({
    read: expected.rows,
    inSomeWindow: expected.inSomeWindow,
    lateForAll: expected.lateForAll,
    lateForSome: expected.lateForSome,
    inNoWindow: expected.inNoWindow,
    nullTime: expected.nullTime,
    updates: expected.updates,
  });
  if (expected.updates === 0n) expect(BigInt(account.windowsFired)).toBe(windows);
}

async function expectEqualToDuckDB(source: string, windowing: Windowing): Promise<void> {
  const { out, delays, network } = await runJob(source, windowing);
  const report = await verify({ source, out, windowing });
  expect(report.equal, describeVerification(report).join('\n')).toBe(true);
  expectAccount(delays, report.accounts.windows, report.windows.windows);
  expectAccount(network, report.accounts.network, report.network.windows);
  // Else nothing would have shown that sketches keep their bounds.
  expect(report.network.approximated.quantiles).toBeGreaterThan(0n);
  expect(report.network.approximated.destinations).toBeGreaterThan(0n);
}

describe('equal to DuckDB', () => {
  // A correction of a day of the network merges a day of sketches again, so these get by with fewer rows.
  const cases: [string, Partial<Windowing>, number?][] = [
    ['the defaults', {}],
    ['a slide that does not divide the size', { key: 'destination', slide: 7n * MINUTE, lag: 30n * MINUTE }],
    ['gaps between the windows', { key: 'route', size: 30n * MINUTE, slide: 100n * MINUTE, lag: HOUR }],
    ['tumbling windows without key and lag', { key: 'none', slide: HOUR, lag: 0n }],
    ['long windows, and so much lag that nothing is late', { size: 6n * HOUR, slide: HOUR, lag: 28n * HOUR }],
    ['days by route', { key: 'route', size: DAY, slide: DAY, lag: 10n * MINUTE }],
    [
      'corrections within an allowed lateness',
      { size: HOUR, slide: 20n * MINUTE, lag: 20n * MINUTE, lateness: 2n * HOUR },
      20_000,
    ],
    [
      'corrections without lag',
      { key: 'destination', size: 2n * HOUR, slide: HOUR, lag: 0n, lateness: 30n * MINUTE },
      20_000,
    ],
  ];
  test.each(cases)(
    '%s',
    async (_, windowing, rows = 200_000) =>
      expectEqualToDuckDB(await writePrefix(folder, rows), { ...hourly, ...windowing }),
    120_000,
  );

  test('all three million', () => expectEqualToDuckDB(flightsFile(), hourly), 600_000);
});

describe('the same rows, sketches included, however it is run', () => {
  const windowings: [string, Windowing, number][] = [
    ['windows', hourly, 60_000],
    ['windows with corrections', { ...hourly, lag: 30n * MINUTE, lateness: 2n * HOUR }, 8_000],
  ];
  const ways: Partial<JobSettings>[] = [1, 2, 4].flatMap((parallelism) =>
    [7, 8192].map((batchRows) => ({ parallelism, batchRows })),
  );
  test.each(windowings)(
    '%s',
    async (_, windowing, rows) => {
      const source = await writePrefix(folder, rows);
      const { out } = await runJob(source, windowing, { parallelism: 1, batchRows: 8192 });
      const first = await checksums(out);
      expect(first.network.rows).toBeGreaterThan(24n);
      for (const way of [...ways, { batchRows: 1 }, { checkpointMs: 20, rate: 100_000 }]) {
        const { out } = await runJob(source, windowing, way);
        expect(await checksums(out), JSON.stringify(way)).toEqual(first);
        await rm(out, { recursive: true });
      }
    },
    120_000,
  );
});
