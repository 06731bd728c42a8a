/** Many small jobs in one process: none leaves memory, exported bytes or threads behind. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { Remains } from './many-jobs.ts';

// The full distance takes half a minute, so the default run takes a third of it.
const [early, late] = process.env.HEADRACE_FULL === '1' ? [100, 1000] : [50, 300];
const TOLERANCE = 32 << 20;

it(`the memory after job ${late} is that after job ${early}`, async () => {
  const script = fileURLToPath(new URL('many-jobs.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    script,
    `${late}`,
    `${early}`,
  ]);
  const [before, after] = JSON.parse(stdout) as [Remains, Remains];
  expect([before.jobs, after.jobs]).toEqual([early, late]);
  expect(after.residentBytes - before.residentBytes).toBeLessThanOrEqual(TOLERANCE);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
}, 300_000);
