/** ARCHITECTURE.md names what holds each invariant: those files exist, and the tests in them have those names. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const text = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8');
const invariants = text.split(/^## /m).find((section) => section.startsWith('Invariants')) ?? '';
const lines = invariants
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| invariant'));

// A file in backquotes, then the names in curly quotes that lie in it; names may hold curly quotes’ apostrophes.
const named = lines.flatMap((line) =>
  [...line.matchAll(/`([\w./-]+\.\w+)`((?:,? “[^”]+”)*)/g)].map(([, file = '', names = '']) => ({
    file,
    names: [...names.matchAll(/“([^”]+)”/g)].map(([, name = '']) => name),
  })),
);

test.each(named)('$file has $names', ({ file, names }) => {
  expect(existsSync(path.join(root, file))).toBe(true);
  const content = readFileSync(path.join(root, file), 'utf8');
  for (const name of names) expect(content).toContain(name);
});

test('every invariant names what holds it, or says that it is not tested', () => {
  expect(lines.length).toBeGreaterThan(30);
  for (const line of lines) expect(line).toMatch(/`[\w./-]+\.\w+`[^|]*\|$|not yet tested/);
  expect(named.flatMap(({ names }) => names).length).toBe(invariants.match(/“/g)?.length);
});

test('files named in the documents exist', () => {
  for (const document of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    const links = readFileSync(path.join(root, document), 'utf8').matchAll(/\]\(([^)#:]+)\)/g);
    for (const [, link = ''] of links)
      expect(existsSync(path.join(root, link)), `${document}: ${link}`).toBe(true);
  }
});
