/**
 * Checkpoints change no bit of a result: none at all, one after every row, and kills give the same windows of 100,000
 * rows, whose sketches have long been promoted.
 *
 * After every row means just that, in the test driver: at each of 165,000 rows every operator is frozen, encoded, thrown
 * away and restored. In a real job, whose checkpoints go through files, there are as many as the disk takes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDuckDB, parquetIn } from '../../examples/flights/duckdb.ts';
import {
  approxDistinct,
  avg,
  count,
  micros,
  quantile,
  run,
  sliding,
  source,
  t,
  topK,
} from '../../ts/index.ts';
import { testDriver } from '../../ts/testing/index.ts';
import { checkpointed, job, ROWS } from './job.ts';
import { zipfian } from './zipf.ts';

/** A row as text in which no two values look the same, floats by their bits. */
function bits(value: unknown): string {
  if (typeof value === 'number') return Buffer.from(Float64Array.of(value).buffer).toString('hex');
  if (typeof value !== 'object' || value === null) return `${typeof value} ${value}`;
  return `{${Object.entries(value).map(([name, each]) => `${name}: ${bits(each)}`)}}`;
}

describe('a checkpoint after every row', () => {
  const [WINDOW_ROWS, TOTAL_ROWS] = [110_000, 165_000];
  const partition = () => source.rows([], { schema: { at: t.timestamp(), key: t.i32(), value: t.f64() } });
  const windows = partition()
    .union(partition())
    .watermark('at', { lag: micros(50) })
    .keyBy('key')
    .window(sliding({ size: micros(WINDOW_ROWS), slide: micros(WINDOW_ROWS / 2) }), { late: 'late' })
    .aggregate(({ value }) => ({
      rows: count(),
      mean: avg(value),
      median: quantile(value, 0.5),
      p99: quantile(value, 0.99),
      distinct: approxDistinct(value),
      top: topK(value, 10),
    }));

  // A microsecond apart, some of them behind, and a few by more than a window. One in eleven comes from the second
  // partition, which has a key of its own and is behind, so that rows of the first are held until it has caught up.
  const rows = Array.from(zipfian(TOTAL_ROWS, 1), (value, row) => {
    const key = row % 11 === 0 ? 1 : 0;
    const behind = row % 1009 === 0 ? WINDOW_ROWS + 100 : row % 7 === 0 ? value % 5000 : 0;
    return { at: BigInt(row - behind - key * 3000), key, value };
  });

  test('leaves what none at all leaves, bit for bit', () => {
    const [never, always] = [testDriver(windows), testDriver(windows)];
    for (const source of [0, 1]) {
      const own = rows.filter(({ key }) => key === source);
      never.push(own, source);
    }
    never.finish();
    for (const row of rows) {
      always.push(row, row.key);
      always.crashAndRestore();
    }
    always.finish();
    // The keys of one window come in the order in which they first came.
    const sorted = (results: readonly object[]) => results.map(bits).sort();
    const expected = never.rows();
    expect(sorted(always.rows())).toEqual(sorted(expected));
    const late = never.sideOutput('late').rows();
    expect(sorted(always.sideOutput('late').rows())).toEqual(sorted(late));
    expect(late.length).toBeGreaterThan(0);
    // What was compared: windows of so many rows, of more values than any list keeps.
    expect(expected.some(({ rows, distinct }) => rows >= 99_000n && distinct > 50_000n)).toBe(true);
  }, 300_000);
});

describe('a job whose checkpoints are files', () => {
  let folder: string;
  let undisturbed: readonly string[];
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'headrace-bytes-'));
    const out = path.join(folder, 'undisturbed');
    await (await run(job(out), { parallelism: 2 })).done;
    undisturbed = await results(out);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The rows that a job left in its folder, read by another engine. */
  async function results(out: string): Promise<string[]> {
    await using sql = await openDuckDB();
    const windows = await sql.rows(`FROM ${parquetIn(path.join(out, 'windows'))} ORDER BY key, window_start`);
    return windows.map(bits);
  }

  test('writes what it writes without any', async () => {
    const out = path.join(folder, 'checkpointed');
    const { metrics } = await (await run(job(out, ROWS / 2), checkpointed(out, { parallelism: 4 }))).done;
    expect(metrics.checkpoints.completed).toBeGreaterThan(10);
    expect(await results(out)).toEqual(undisturbed);
  });

  test('writes the same when its process is killed at parallelism 1, 4 and 2', async () => {
    const out = path.join(folder, 'killed');
    for (const parallelism of [1, 4, 2]) await killed(out, parallelism);
    const resumed = await run(job(out), checkpointed(out, { parallelism: 3 }));
    expect(resumed.restored.from).toBe('checkpoint');
    await resumed.done;
    expect(await results(out)).toEqual(undisturbed);
  });

  /** Runs the job in a process of its own, which is killed after some checkpoints and long before its end. */
  async function killed(out: string, parallelism: number): Promise<void> {
    const script = fileURLToPath(new URL('killed.ts', import.meta.url));
    const child = spawn(process.execPath, [script, out, `${ROWS / 4}`, `${parallelism}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.split('checkpoint').length > 20) child.kill('SIGKILL');
    });
    expect(await exit).toEqual([null, 'SIGKILL']);
    expect(said).not.toContain('done');
  }
});
