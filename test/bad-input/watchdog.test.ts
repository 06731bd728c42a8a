/** A synchronous endless loop in user code: nothing can interrupt it, so the native side says on stderr where it is. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('endless.ts', import.meta.url));

/** The first line that the script prints to stderr, while it goes on. */
async function firstLine(which: string): Promise<string> {
  const child = spawn(process.execPath, [script, which], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Nothing within 20 s; stderr: '${text}'`)), 20_000);
      child.stderr.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        if (!text.includes('\n')) return;
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code) => reject(new Error(`It ended with ${code}; stderr: '${text}'`)));
    });
  } finally {
    child.removeAllListeners('exit');
    child.kill('SIGKILL');
  }
  return text;
}

it.concurrent.each([
  ['map', 'map\\(endless\\)'],
  ['callback', 'callback'],
  ['iterable', 'iterable'],
])(
  'an endless loop (%s) is named on stderr, with operator and line, while it runs',
  async (which, operator) => {
    const pattern = `^HR_USER_FUNCTION_TIMEOUT.*in ${operator} at .*endless\\.ts:\\d+.*endless loop`;
    expect(await firstLine(which)).toMatch(new RegExp(pattern));
  },
  30_000,
);
