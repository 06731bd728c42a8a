/** The examples of the README: they compile, they run on the real engine, and they print what the README says. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelCache } from '../../ts/llm/import/cache.ts';
import { catalogueEntry } from '../../ts/llm/pull/pull.ts';

const root = path.resolve(import.meta.dirname, '../..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);

const [pipeline = '', driven = '', chat = ''] = blocks('ts');
const [printed = ''] = blocks('text');
const weights = path.join(modelCache(), catalogueEntry('smollm2').file);
if (!existsSync(weights))
  console.warn('\n*** The chat of the README was NOT run: npm run headrace -- model pull smollm2 ***\n');

// Below the root, so that types and packages are found; `out` is not in git.
let folder = '';
beforeAll(() => {
  mkdirSync(path.join(root, 'out'), { recursive: true });
  folder = mkdtempSync(path.join(root, 'out', 'readme-'));
  writeFileSync(path.join(folder, 'pipeline.ts'), fromSources(pipeline));
  writeFileSync(path.join(folder, 'driven.ts'), fromSources(driven));
  writeFileSync(path.join(folder, 'chat.ts'), fromSources(chat).replace(path.basename(weights), weights));
  writeFileSync(
    path.join(folder, 'misspelt.ts'),
    fromSources(pipeline.replace('f.destination)', 'f.destinaton)')),
  );
  for (const name of ['pipeline', 'driven', 'misspelt', 'chat']) {
    const config = { extends: '../../tsconfig.json', include: [], files: [`${name}.ts`] };
    writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(config));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The same program with the checkout in the place of the installed package. */
function fromSources(program: string): string {
  const ts = '../../ts';
  return program
    .replaceAll(`'headrace/llm'`, `'${ts}/serve/index.ts'`)
    .replaceAll(`'headrace/testing'`, `'${ts}/testing/index.ts'`)
    .replaceAll(`'headrace'`, `'${ts}/index.ts'`);
}

const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
const node = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

test('the README has one pipeline, what it prints, one test of a pipeline, and one chat', () => {
  expect(blocks('ts')).toHaveLength(3);
  expect(blocks('text')).toHaveLength(1);
});

describe('the pipeline', () => {
  test('compiles, and with a misspelt column it does not', () => {
    expect(node(tsc, '-p', 'pipeline.json', '--noEmit')).toBe('');
    // What the compiler says is in the standard output of the error.
    const complaint = expect.objectContaining({ stdout: expect.stringContaining("'destinaton'") });
    expect(() => node(tsc, '-p', 'misspelt.json', '--noEmit')).toThrow(complaint);
  });

  test('prints what the README says', () => {
    expect(trimmed(node('pipeline.ts'))).toEqual(trimmed(printed));
  });
});

test('the test of a pipeline compiles, and counts two clicks', () => {
  expect(node(tsc, '-p', 'driven.json', '--noEmit')).toBe('');
  expect(node('driven.ts').trim()).toBe('2n');
});

describe('the chat', () => {
  test('compiles', () => {
    expect(node(tsc, '-p', 'chat.json', '--noEmit')).toBe('');
  });

  test.skipIf(!existsSync(weights))('answers, and the same a second time', () => {
    const answer = node('chat.ts');
    expect(answer).toMatch(/weir/i);
    expect(node('chat.ts')).toBe(answer);
  });
});

function trimmed(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
}
