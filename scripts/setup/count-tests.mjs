// `count-tests.mjs CODE < LOG`: the closing line of .ci/run, read from what `npm test` printed.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The tests that passed and failed: the sum over cargo's result lines (one for each test binary)
 * and vitest's `Tests` line. Tests that were skipped or filtered out count as neither.
 * @returns {{ passed: number, failed: number, stoppedAt: string | undefined }}
 */
export function countTests(log) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with one.
  const lines = log.replace(/\u001b\[[0-9;]*m/g, '').split('\n');
  let passed = 0;
  let failed = 0;
  let stoppedAt;
  for (const line of lines) {
    const cargo = line.match(/^test result: \w+\. (\d+) passed; (\d+) failed;/);
    const vitest = line.match(/^\s+Tests\s+(.*\(\d+\))\s*$/);
    passed += Number(cargo?.[1] ?? vitest?.[1].match(/(\d+) passed/)?.[1] ?? 0);
    failed += Number(cargo?.[2] ?? vitest?.[1].match(/(\d+) failed/)?.[1] ?? 0);
    stoppedAt = line.match(/^✗ (.*) failed after/)?.[1] ?? stoppedAt;
  }
  return { passed, failed, stoppedAt };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const code = Number(process.argv[2]);
  const { passed, failed, stoppedAt } = countTests(readFileSync(0, 'utf8'));
  if (stoppedAt !== undefined) console.log(`Stopped at ${stoppedAt}.`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(code !== 0 ? code : failed > 0 || passed === 0 ? 1 : 0);
}
