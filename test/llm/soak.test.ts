/** Thousands of requests, some of them aborted wherever they are: no block is lost, and memory does not grow. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { tinyFile } from './tiny-model.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-soak-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SEED = process.env.HEADRACE_SEED ?? '1';
const SLOPE_MAX = 2 ** 20;

test(`26,000 requests lose nothing (replay: HEADRACE_SEED=${SEED} npm test -- vitest test/llm/soak)`, async () => {
  const file = path.join(folder, 'tiny.gguf');
  writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
  const program = path.join(import.meta.dirname, 'soak-program.ts');
  // A small space for what dies young: left to itself it grows to a hundred megabytes.
  const args = ['--max-semi-space-size=8', program, file, SEED];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
  const { counts, memory, full, reset } = JSON.parse(stdout);

  expect(counts.finished + counts.aborted).toBe(counts.started);
  expect(counts.aborted).toBeGreaterThan(counts.started * 0.01);
  expect(full.failed).toBe(0);
  expect(full.preemptions).toBeGreaterThan(0);
  expect(full.kv).toMatchObject({ used: 0, free: full.kv.blocks - 1, sequences: 0 });
  expect(reset.kv).toMatchObject({ used: 0, cached: 0, free: full.kv.blocks - 1 });
  const grown = slope(memory);
  console.log(
    `${full.preemptions} preemptions, ${counts.aborted} aborted, ${Math.round(grown)} bytes a thousand requests`,
  );
  expect(grown).toBeLessThan(SLOPE_MAX);
}, 600_000);

/** Bytes by which memory grows in a thousand requests: the median of the slopes between all pairs of points (Theil–Sen). */
function slope(points: readonly { requests: number; bytes: number }[]): number {
  const slopes = points.flatMap((a, at) =>
    points.slice(at + 1).map((b) => ((b.bytes - a.bytes) / (b.requests - a.requests)) * 1000),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] as number;
}
