/** docs/serving.md: its tables are those of the code, and its examples compile and run. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyFile } from '../llm/tiny-model.ts';
import { Command } from '../serve/command.ts';
import { MetricsPage } from '../serve/metrics-page.ts';
import { serve, tinyEngine } from '../serve/tiny-server.ts';
import { servingTables } from './serving-tables.ts';

const root = path.resolve(import.meta.dirname, '../..');
const file = path.join(root, 'docs/serving.md');
const text = readFileSync(file, 'utf8');
const TABLE = /(<!-- table: (\w+) -->\n).*?(<!-- end -->)/gs;

test('its tables are those of the code (HEADRACE_REGENERATE=1 npm test -- vitest test/docs/serving writes them)', async () => {
  const tiny = await tinyEngine();
  const { front, url, post } = await serve(tiny.engine);
  // Families that have no samples until something has happened are on the page all the same.
  await post('/v1/completions', { model: 'tiny', prompt: 'The river' });
  const tables = servingTables(await MetricsPage.of(url));
  await front.close();
  await tiny.close();
  const used: string[] = [];
  const current = text.replace(TABLE, (_, begin, name, end) => {
    used.push(name);
    return `${begin}${tables[name]}\n${end}`;
  });
  expect(used.sort()).toEqual(Object.keys(tables).sort());
  if (process.env.HEADRACE_REGENERATE === '1') writeFileSync(file, current);
  else expect(text).toBe(current);
});

test('what it links to exists', () => {
  const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  );
  for (const [, page = '', heading] of text.matchAll(/\]\(([\w.]*)(?:#([\w-]+))?\)/g)) {
    if (page === '') expect(headings).toContain(heading);
    else readFileSync(path.join(root, 'docs', page));
  }
});

describe('its examples', () => {
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, one = '']) => one);
  const [client = '', inProcess = '', mounted = '', engine = ''] = blocks('ts');
  const printed = blocks('text').at(-1);

  // Below the root, so that types and packages are found; `out` is not in git.
  let folder = '';
  beforeAll(() => {
    mkdirSync(path.join(root, 'out'), { recursive: true });
    folder = mkdtempSync(path.join(root, 'out', 'serving-'));
    writeFileSync(path.join(folder, 'model.gguf'), tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
    for (const [name, program] of Object.entries({ client, inProcess, mounted, engine })) {
      writeFileSync(
        path.join(folder, `${name}.ts`),
        program.replaceAll(`'headrace/llm'`, `'../../ts/serve/index.ts'`),
      );
    }
    const files = ['client.ts', 'inProcess.ts', 'mounted.ts', 'engine.ts'];
    const config = { extends: '../../tsconfig.json', include: [], files };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const node = async (...args: string[]) => {
    const env = { ...process.env, XDG_CACHE_HOME: path.join(folder, 'cache') };
    return (await promisify(execFile)(process.execPath, args, { cwd: folder, env })).stdout;
  };

  test('are four, and compile', async () => {
    expect(blocks('ts')).toHaveLength(4);
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    expect(await node(tsc, '-p', 'tsconfig.json', '--noEmit')).toBe('');
  });

  test('of a client is answered by the command', async () => {
    const args = ['model.gguf', '--port', '0', '--served-model-name', 'smollm2'];
    await using command = new Command(folder, args);
    const url = await command.ready();
    const program = readFileSync(path.join(folder, 'client.ts'), 'utf8');
    expect(program).toContain('http://127.0.0.1:8000');
    writeFileSync(path.join(folder, 'client.ts'), program.replace('http://127.0.0.1:8000', url));
    const answer = await node('client.ts');
    expect(answer.length).toBeGreaterThan(0);
    // With a seed it is the same once more.
    expect(await node('client.ts')).toBe(answer);
  });

  test('run in one process', async () => {
    expect(await node('inProcess.ts')).toMatch(/^(length|stop)\n$/);
    expect(await node('mounted.ts')).toBe(printed);
    const first = await node('engine.ts');
    expect(first).toMatch(/\n\d+ tokens\n$/);
    expect(await node('engine.ts')).toBe(first);
  });
});
