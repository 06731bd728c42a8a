import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Circumstances, remembered } from './remembered.ts';
import type { SelfTest } from './self-test.ts';

const parent = mkdtempSync(path.join(tmpdir(), 'headrace-remembered-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(parent, 'model-'));
});

const HERE: Circumstances = { graph: 'a', runtime: '1.30.0', threads: 1 };
const SAME: SelfTest = { deterministic: true, differences: [], leftOut: [], ms: 5 };
const OTHER: SelfTest = { ...SAME, deterministic: false, differences: ['token 1: 1 at once, and 2 at once'] };
const SHORT: SelfTest = { ...SAME, leftOut: ['512 at once: there is no time for it'] };

/** Asks, and says what it got and whether the test was run for it. */
async function ask(found: SelfTest, circumstances = HERE): Promise<{ got: SelfTest; ran: boolean }> {
  let ran = false;
  const got = await remembered(folder, circumstances, async () => {
    ran = true;
    return found;
  });
  return { got, ran };
}

test.each([SAME, OTHER])('$deterministic is found once, and then known', async (found) => {
  expect(await ask(found)).toEqual({ got: found, ran: true });
  expect(await ask({ ...found, ms: 6 })).toEqual({ got: found, ran: false });
  expect(readdirSync(folder)).toEqual(['self-test.json']);
});

test('another graph, runtime or number of threads is tried anew, and all are known afterwards', async () => {
  const others = [HERE, { ...HERE, graph: 'b' }, { ...HERE, runtime: '1.30.1' }, { ...HERE, threads: 2 }];
  for (const circumstances of others) expect((await ask(SAME, circumstances)).ran).toBe(true);
  for (const circumstances of others) expect((await ask(SAME, circumstances)).ran).toBe(false);
});

test.each([
  ['not JSON', () => 'deterministic'],
  ['JSON of another kind', () => '{"entries":{"deterministic":true}}'],
  ['null', () => 'null'],
  [
    'entries of another kind',
    (text: string) => text.replace('"deterministic":true', '"deterministic":"yes"'),
  ],
  ['an entry that is null', () => '{"entries":[null]}'],
  ['cut off', (text: string) => text.slice(0, -10)],
  ['very long', (text: string) => text + ' '.repeat(2 ** 20)],
])('a file that is %s counts as none', async (_, damage) => {
  await ask(SAME);
  const file = path.join(folder, 'self-test.json');
  writeFileSync(file, damage(readFileSync(file, 'utf8')));
  expect((await ask(SAME)).ran).toBe(true);
  expect((await ask(SAME)).ran).toBe(false);
});

test('what there was no time for is tried twice more', async () => {
  expect((await ask(SHORT)).ran).toBe(true);
  expect((await ask(SHORT)).ran).toBe(true);
  expect((await ask(SHORT)).ran).toBe(true);
  expect(await ask(SAME)).toEqual({ got: SHORT, ran: false });
});

test('what more was tried in is kept, and a difference always', async () => {
  await ask(SHORT);
  expect((await ask(SAME)).got).toBe(SAME);
  expect((await ask(SHORT)).ran).toBe(false);
  const elsewhere = { ...HERE, graph: 'b' };
  await ask({ ...SHORT, ...OTHER, leftOut: SHORT.leftOut }, elsewhere);
  expect((await ask(SAME, elsewhere)).got.deterministic).toBe(false);
});

test('a bounded number of machines is remembered', async () => {
  for (let threads = 1; threads <= 20; threads++) await ask(SAME, { ...HERE, threads });
  expect(JSON.parse(readFileSync(path.join(folder, 'self-test.json'), 'utf8')).entries).toHaveLength(16);
  expect((await ask(SAME, { ...HERE, threads: 20 })).ran).toBe(false);
  expect((await ask(SAME, { ...HERE, threads: 1 })).ran).toBe(true);
});

test('what could not be compared is not remembered, and a folder that cannot be written is done without', async () => {
  expect((await ask({ ...SAME, deterministic: undefined })).ran).toBe(true);
  expect((await ask(SAME)).ran).toBe(true);
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  expect(await ask(SAME)).toEqual({ got: SAME, ran: true });
});
