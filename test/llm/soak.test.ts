/**
 * Thousands of requests, some of them aborted wherever they are: no block is lost, and memory does not grow. With real weights
 * it takes some minutes, so that runs on demand: `headrace model pull smollm2`, then
 * `HEADRACE_FULL=1 npm test -- vitest test/llm/soak`.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import type { EngineMetrics } from '../../ts/llm/engine/metrics.ts';
import { modelCache } from '../../ts/llm/import/cache.ts';
import { Model } from '../../ts/llm/model.ts';
import { catalogueEntry } from '../../ts/llm/pull/pull.ts';
import { tinyFile } from './tiny-model.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-soak-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const real = path.join(modelCache(), catalogueEntry('smollm2').file);
const full = process.env.HEADRACE_FULL === '1';
const lacking = !full
  ? 'HEADRACE_FULL=1 is not set'
  : existsSync(real)
    ? undefined
    : 'the weights are missing (npm run headrace -- model pull smollm2)';
if (lacking !== undefined)
  console.warn(`\n*** Hundreds of requests to real weights were NOT sent: ${lacking}. ***\n`);

const SEED = process.env.HEADRACE_SEED ?? '1';
const SLOPE_MAX = 2 ** 20;
/** It takes a fraction of this where nothing else runs. */
const TIME_MS = 1_200_000;

test(
  `26,000 requests lose nothing (replay: HEADRACE_SEED=${SEED} npm test -- vitest test/llm/soak)`,
  async () => {
    const file = path.join(folder, 'tiny.gguf');
    writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
    await soak(file, path.join(folder, 'cache'), 'tiny');
  },
  TIME_MS,
);

test.skipIf(lacking !== undefined)(
  `2,400 requests to real weights lose nothing (replay: HEADRACE_SEED=${SEED})`,
  async () => {
    // Converted and tried out beforehand, which takes memory of its own.
    await (await Model.load(real))[Symbol.asyncDispose]();
    await soak(real, modelCache(), 'real');
  },
  TIME_MS,
);

/** What the program prints. */
interface SoakResult {
  readonly counts: { readonly started: number; readonly finished: number; readonly aborted: number };
  readonly aborted: Readonly<Record<string, number>>;
  readonly memory: readonly Point[];
  readonly full: EngineMetrics;
  readonly reset: EngineMetrics;
  readonly seconds: number;
}

/** The size of the process after so many requests. */
interface Point {
  readonly requests: number;
  readonly bytes: number;
}

/** Sends the requests, and looks at what is left of them. */
async function soak(file: string, cache: string, kind: 'tiny' | 'real'): Promise<void> {
  const program = path.join(import.meta.dirname, 'soak-program.ts');
  // A small space for what dies young: left to itself it grows to a hundred megabytes. What does not die young is collected
  // every time where there are too few requests for the collector to do so by itself.
  const flags = ['--max-semi-space-size=8', ...(kind === 'real' ? ['--gc-global'] : [])];
  const args = [...flags, program, file, cache, SEED, kind];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    maxBuffer: 2 ** 24,
    timeout: TIME_MS,
  });
  const { counts, aborted, memory, full, reset, seconds } = JSON.parse(stdout) as SoakResult;

  const grown = slope(memory);
  const megabytes = memory.map(({ bytes }) => (bytes / 1e6).toFixed(1));
  console.log(
    `${kind}: ${counts.started} requests in ${Math.round(seconds)} s, ${full.preemptions} preemptions, aborted ${JSON.stringify(aborted)}, ` +
      `${full.kv.cached} blocks cached, ${megabytes[0]} to ${megabytes.at(-1)} MB, ${Math.round(grown)} bytes a thousand requests`,
  );
  expect(counts.finished + counts.aborted).toBe(counts.started);
  expect(counts.aborted).toBeGreaterThan(counts.started * 0.01);
  const phases = ['at once', 'before the last token', 'behind a token', 'soon'];
  expect(Object.keys(aborted).toSorted()).toEqual(phases);
  expect(full.failed).toBe(0);
  expect(full.preemptions).toBeGreaterThan(0);
  expect(full.kv).toMatchObject({ used: 0, free: full.kv.blocks - 1, sequences: 0 });
  expect(reset.kv).toMatchObject({ used: 0, cached: 0, free: full.kv.blocks - 1 });
  expect(grown).toBeLessThan(SLOPE_MAX);
}

/** Bytes by which memory grows in a thousand requests: the median of the slopes between all pairs of points (Theil–Sen). */
function slope(points: readonly Point[]): number {
  const slopes = points.flatMap((a, at) =>
    points.slice(at + 1).map((b) => ((b.bytes - a.bytes) / (b.requests - a.requests)) * 1000),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] as number;
}
