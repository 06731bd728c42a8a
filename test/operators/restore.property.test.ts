/**
 * Windows that are stopped with a checkpoint and resumed at another parallelism, over random data: equal to the naive
 * ones, and their deviations to DuckDB's.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDuckDB, type Sql } from '../../examples/flights/duckdb.ts';
import {
  avg,
  count,
  first,
  last,
  max,
  micros,
  min,
  quantile,
  run,
  sink,
  sliding,
  source,
  stddev,
  sum,
  t,
} from '../../ts/index.ts';
import * as exact from '../oracle/exact.ts';
import { keyText, naiveWindows } from '../oracle/naive-window.ts';
import { forAll } from '../seeds.ts';

interface Row {
  readonly at: bigint;
  readonly key: bigint | null;
  readonly n: bigint | null;
}

interface Case {
  readonly partitions: readonly (readonly Row[])[];
  readonly size: number;
  readonly slide: number;
  readonly lag: number;
  readonly lateness: number;
  readonly batchRows: number;
  /** The parallelism of each run; all but the last are stopped after so many rows. */
  readonly runs: readonly { readonly parallelism: number; readonly rows: number }[];
}

const schema = { at: t.timestamp(), key: t.i64().nullable(), n: t.i64().nullable() };

const cases = fc.record<Case>({
  partitions: fc.array(
    fc.array(
      fc.record({
        at: fc.bigInt(-40n, 160n),
        key: fc.option(fc.bigInt(0n, 3n), { freq: 8 }),
        n: fc.option(fc.bigInt(-9n, 9n), { freq: 8 }),
      }),
      { minLength: 4, maxLength: 60, size: 'max' },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  size: fc.integer({ min: 1, max: 40 }),
  slide: fc.integer({ min: 1, max: 40 }),
  lag: fc.integer({ min: 0, max: 30 }),
  lateness: fc.constantFrom(0, 0, 25),
  batchRows: fc.constantFrom(1, 7, 8192),
  runs: fc.array(
    fc.record({ parallelism: fc.integer({ min: 1, max: 4 }), rows: fc.integer({ min: 0, max: 20 }) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
});

let folder: string;
let sql: Sql;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-restore-'));
  sql = await openDuckDB();
});
afterAll(async () => {
  await sql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function aggregate(rows: readonly Row[]) {
  const ns = rows.map(({ n }) => n);
  const known = rows
    .map(({ at, n }, place) => ({ at, n, place }))
    .filter(({ n }) => n !== null)
    .sort((a, b) => Number(a.at - b.at) || a.place - b.place);
  const sorted = known.map(({ n }) => Number(n)).sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return {
    rows: exact.count(rows),
    sum: exact.sum(ns),
    mean: exact.mean(ns),
    least: exact.min(ns),
    most: exact.max(ns),
    early: known[0]?.n ?? null,
    late: known.at(-1)?.n ?? null,
    median: low === undefined || high === undefined ? null : (low + high) / 2,
    values: ns,
  };
}

let attempts = 0;
let restored = 0;

/** Runs the job in several runs, each from the checkpoint of the one before; the changes of all. */
async function engine(tried: Case) {
  const to = path.join(folder, `${attempts++}`);
  const changes: Record<string, unknown>[] = [];
  for (const [index, { parallelism, rows }] of tried.runs.entries()) {
    const final = index === tried.runs.length - 1;
    // A slow source lets itself be stopped in the middle.
    const [one, ...others] = tried.partitions.map((list) =>
      source.rows([...list], { schema, ...(final ? {} : { rate: 800 }) }),
    );
    if (one === undefined) throw new Error('no partition');
    const windows = one
      .union(...others)
      .watermark('at', { lag: micros(tried.lag) })
      .keyBy('key')
      .window(sliding({ size: micros(tried.size), slide: micros(tried.slide) }), {
        lateness: micros(tried.lateness),
      })
      .aggregate((f) => ({
        rows: count(),
        sum: sum(f.n),
        mean: avg(f.n),
        least: min(f.n),
        most: max(f.n),
        early: first(f.n),
        late: last(f.n),
        median: quantile(f.n, 0.5),
        deviation: stddev(f.n),
      }));
    const out = windows.to(sink.collect({ mode: 'changelog' }));
    const job = await run([out], {
      parallelism,
      batchRows: tried.batchRows,
      checkpoint: { every: '1h', to },
    });
    if (job.restored.from === 'checkpoint') restored += 1;
    if (!final) {
      let ended = false;
      void job.done.finally(() => {
        ended = true;
      });
      while (!ended && job.metrics().rowsIn < rows) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await job.stop();
    }
    const { outcome } = await job.done;
    changes.push(...(out.rows as unknown as Record<string, unknown>[]));
    // Stopped or not, a run that read everything has finished.
    if (outcome === 'finished') break;
  }
  return changes;
}

/** The last state of each window. */
function collapsed(changes: readonly Record<string, unknown>[]): Map<string, Record<string, unknown>> {
  const state = new Map<string, Record<string, unknown>>();
  for (const { op, key, window_start, window_end, ...result } of changes) {
    const name = `${keyText([key])} ${window_start}`;
    expect(window_end).toBeDefined();
    if (op === '-U' || op === '-D') state.delete(name);
    else {
      expect(state.has(name), `${name} ${op}`).toBe(false);
      state.set(name, result);
    }
  }
  return state;
}

async function check(tried: Case): Promise<void> {
  const expected = naiveWindows(tried.partitions, {
    time: ({ at }) => at,
    key: ({ key }) => [key],
    size: BigInt(tried.size),
    slide: BigInt(tried.slide),
    lag: BigInt(tried.lag),
    lateness: BigInt(tried.lateness),
    aggregate,
  });
  const actual = collapsed(await engine(tried));
  const wanted = new Map(
    expected.finalResults.map(({ key, start, result }) => [`${keyText(key)} ${start}`, result]),
  );
  expect([...actual.keys()].sort()).toEqual([...wanted.keys()].sort());
  const single = tried.partitions.length === 1;
  for (const [name, { values, early, late, ...result }] of wanted) {
    const order = single ? { early, late } : {};
    expect(actual.get(name), name).toMatchObject({ ...result, ...order });
  }
  await expectDeviations(
    [...wanted].map(([name, { values }]) => ({ values, deviation: actual.get(name)?.deviation })),
  );
}

async function expectDeviations(
  windows: readonly { values: readonly (bigint | null)[]; deviation: unknown }[],
) {
  if (windows.length === 0) return;
  const lists = windows.map(
    ({ values }) => `(list_stddev_samp([${values.map((n) => n ?? 'NULL').join()}]::DOUBLE[]))`,
  );
  const answers = await sql.rows<{ deviation: number | null }>(
    `SELECT deviation FROM (VALUES ${lists.join(', ')}) AS input(deviation)`,
  );
  for (const [index, { deviation }] of answers.entries()) {
    const actual = windows[index]?.deviation;
    if (deviation === null) expect(actual).toBeNull();
    else expect(actual).toBeCloseTo(deviation, 9);
  }
}

const RUNS = 30;

test('windows survive being stopped and resumed', async () => {
  await forAll(cases, check, RUNS);
  // Else nothing would have been restored.
  expect(restored).toBeGreaterThan(0);
}, 300_000);
