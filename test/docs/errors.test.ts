/** The table of errors lists what the code defines: no code is missing, none is made up, and each means the same. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../ts/index.ts';

const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/errors.md'), 'utf8');
const rows = [...text.matchAll(/^\| `(HR_\w+)` \| (.+?) \| (.+?) \|$/gm)].map(
  ([, code, meaning, advice]) => ({
    code,
    meaning,
    advice,
  }),
);

test('docs/errors.md has every code with its meaning, in the order of the table in the code', () => {
  expect(rows.map(({ code, meaning }) => [code, meaning])).toEqual(Object.entries(ERROR_CODES));
  expect(text.match(/^\| `/gm)).toHaveLength(rows.length);
});

test('docs/errors.md says what to do about each', () => {
  for (const { code, advice } of rows) expect(advice, code).toMatch(/\w.*\.$/);
});
