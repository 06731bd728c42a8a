import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = join(HERE, '../..');
const tsc = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc');
// Measured with TypeScript 7.0.2: 13,178. A change that needs more should say why it is worth it.
const INSTANTIATIONS_MAX = 14_000;
const source = readFileSync(join(HERE, 'pipeline.test-d.ts'), 'utf8');

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-types-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What the checker prints of a program, with the options of the repository. */
function check(name: string, program: string): string {
  const absolute = program.replaceAll(/(from '|import\(')\.(\.?)\//g, `$1${HERE}.$2/`);
  writeFileSync(join(folder, `${name}.ts`), absolute);
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      rewriteRelativeImportExtensions: false,
      noUnusedLocals: false,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [],
    files: [`${name}.ts`],
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(config));
  const args = [tsc, '-p', join(folder, `${name}.json`), '--extendedDiagnostics', '--pretty', 'false'];
  try {
    return execFileSync(process.execPath, args, { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

/** The messages by line, with their continuation lines. */
function messagesByLine(output: string): Map<number, string> {
  const messages = new Map<number, string>();
  let line = 0;
  for (const text of output.split('\n')) {
    const match = /\.ts\((\d+),\d+\): error/.exec(text);
    if (match !== null) line = Number(match[1]);
    else if (!text.startsWith('  ')) line = 0;
    if (line > 0) messages.set(line, `${messages.get(line) ?? ''}${text}\n`);
  }
  return messages;
}

describe('the type checker', () => {
  test('accepts what should compile and refuses the rest', () => {
    expect(messagesByLine(check('whole', source))).toEqual(new Map());
  });

  test('says what is wrong', () => {
    const messages = messagesByLine(check('messages', source.replaceAll('@ts-expect-error', 'wrong:')));
    const lines = source.split('\n');
    const expected = lines.flatMap((text, index) => {
      const wanted = /^\s*\/\/ @ts-expect-error (.*)$/.exec(text)?.[1];
      return wanted === undefined ? [] : [{ line: index + 2, wanted }];
    });
    expect(expected.length).toBeGreaterThan(25);
    for (const { line, wanted } of expected) {
      expect(messages.get(line) ?? `no error in line ${line}`, lines[line - 1]).toContain(wanted);
    }
    expect([...messages.keys()].sort()).toEqual(expected.map(({ line }) => line).sort());
  });

  test('stays within its budget of type instantiations', () => {
    const instantiations = (name: string, program: string): number =>
      Number(/Instantiations:\s+(\d+)/.exec(check(name, program))?.[1]);
    const pipeline = readFileSync(join(HERE, 'pipeline-budget.test-d.ts'), 'utf8');
    const [imports = ''] = pipeline.split('// The pipeline.');
    const cost = instantiations('pipeline', pipeline) - instantiations('imports', imports);
    expect(cost).toBeGreaterThan(0);
    expect(cost).toBeLessThan(INSTANTIATIONS_MAX);
  });
});
