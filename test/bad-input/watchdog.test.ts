/** A synchronous endless loop in user code: nothing can interrupt it, so the native side says on stderr where it is. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('an endless loop is named on stderr, with operator and line, while it runs', async () => {
  const script = fileURLToPath(new URL('endless.ts', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'ignore', 'pipe'] });
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
  expect(text).toMatch(/HR_USER_FUNCTION_TIMEOUT.*in map\(endless\) at .*endless\.ts:\d+.*endless loop/);
});
