import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { countTests } from './count-tests.mjs';

const cargo = (passed, failed) =>
  `test result: ${failed ? 'FAILED' : 'ok'}. ${passed} passed; ${failed} failed; 2 ignored; 0 measured; 9 filtered out; finished in 0.01s\n`;

test('the counts of all test binaries and of vitest are added up', () => {
  const log = `${cargo(3, 0)}running 5 tests\n${cargo(4, 1)} Test Files  2 passed (2)\n      Tests  1 failed | 10 passed | 5 skipped (16)\n`;
  expect(countTests(log)).toEqual({ passed: 17, failed: 2, stoppedAt: undefined });
});

test('colours do not hide a count', () => {
  const log =
    '\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[31m1 failed\u001b[39m\u001b[22m\u001b[2m | \u001b[22m\u001b[32m42 passed\u001b[39m\u001b[90m (43)\u001b[39m\n';
  expect(countTests(log)).toMatchObject({ passed: 42, failed: 1 });
});

test('what a test prints is not taken for a count', () => {
  expect(
    countTests('Tests are fun: 100 passed (100)\n  said: test result: ok. 9 passed; 9 failed;\n'),
  ).toMatchObject({
    passed: 0,
    failed: 0,
  });
});

test.each([
  ['everything passed', '0', cargo(2, 0), 0, '2 passed, 0 failed'],
  [
    'a check failed before the tests',
    '101',
    '✗ clippy failed after 1.0 s (exit code 101)\n',
    101,
    '0 passed, 0 failed',
  ],
  ['no test ran though nothing failed', '0', '', 1, '0 passed, 0 failed'],
  ['a failure is counted though the code says none', '0', cargo(2, 1), 1, '2 passed, 1 failed'],
])('%s: the exit code and the last line say so', (_, code, log, expected, last) => {
  const script = fileURLToPath(new URL('./count-tests.mjs', import.meta.url));
  const ended = spawnSync(process.execPath, [script, code], { input: log, encoding: 'utf8' });
  expect(ended.status).toBe(expected);
  expect(ended.stdout.trimEnd().split('\n').at(-1)).toBe(last);
});
