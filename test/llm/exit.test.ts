/** However a process ends while a model runs in it, it ends in its own way: the runtime does not abort it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyFile } from './tiny-model.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-exit-'));
const file = path.join(folder, 'tiny.gguf');
beforeAll(() => writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0', context: 1024 })));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = path.join(import.meta.dirname, 'exit-program.ts');

test.each([
  ['exit', 7],
  ['close', 7],
  ['throw', 1],
])('%s', (how, code) => {
  for (let time = 0; time < 2; time++) {
    const { status, signal, stderr } = spawnSync(process.execPath, [program, file, how], {
      encoding: 'utf8',
    });
    expect({ status, signal }, stderr).toEqual({ status: code, signal: null });
  }
});
