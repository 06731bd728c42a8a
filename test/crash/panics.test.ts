/** A panic in an operator ends its job with an error that names it, and nothing else: not the process, no other job. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Endings } from './panicking.ts';

const ROWS = 3000;

async function endings(panicIn: string): Promise<Endings> {
  const script = fileURLToPath(new URL('panicking.ts', import.meta.url));
  const env = { ...process.env, HEADRACE_PANIC_IN: panicIn };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  return JSON.parse(stdout) as Endings;
}

test.each(['broken-filter', 'broken-watermark', 'broken-window'])('in %s', async (uid) => {
  expect(await endings(uid)).toEqual({
    broken: {
      code: 'HR_INTERNAL',
      message: expect.stringContaining('panicked'),
      hint: expect.any(String),
      place: {
        uid,
        operator: expect.any(String),
        at: expect.stringMatching(/panicking\.ts:\d+$/),
      },
    },
    beside: ROWS,
    after: ROWS,
    threads: 0,
  });
});

test('nowhere', async () => {
  expect(await endings('')).toEqual({ broken: ROWS, beside: ROWS, after: ROWS, threads: 0 });
});
