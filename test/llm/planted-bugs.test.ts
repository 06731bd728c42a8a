/** The test of equal bits (`bit-equality.test.ts`) can fail: each of these bugs makes bits depend on what else is running. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { CoreParts } from '../../ts/llm/engine/core-parts.ts';
import { Model } from '../../ts/llm/model.ts';
import { ALONE, different, digests, requests, ways } from './bit-equality.ts';
import {
  drawsKeyedByStep,
  maskOffByOne,
  paddingWritten,
  staleBlock,
  unverifiedBlock,
} from './planted-bugs.ts';
import { tinyFile } from './tiny-model.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-bugs-'));
const file = path.join(folder, 'tiny.gguf');
const text = Array.from({ length: 60 }, (_, at) => 3 + ((at * at * 31 + at * 197) % 500));
const asked = requests(text, [15, 17, 31, 33, 49], 20);

let model: Model;
beforeAll(async () => {
  writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
  model = await Model.load(file, { cache: folder, threads: 1 });
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => vi.restoreAllMocks());

/** In how many ways some request has other bits than alone. */
async function caught(parts: Partial<CoreParts> = {}): Promise<number> {
  const alone = (await digests(model, asked, ALONE, parts)).digests;
  let found = 0;
  for (const way of ways(16)) {
    const others = await digests(model, asked, way, parts);
    if (different(alone, others.digests).length > 0) found++;
  }
  return found;
}

test('no bug, no difference', async () => {
  expect(await caught()).toBe(0);
});

test('a mask that is off by one is caught', async () => {
  const runner = await maskOffByOne(file, path.join(folder, 'mask'), 1);
  expect(await caught({ runner })).toBeGreaterThan(0);
});

test('a stale block is caught', async () => {
  expect(await caught({ runner: staleBlock(model) })).toBeGreaterThan(0);
});

test('padding that is written is caught', async () => {
  expect(await caught({ runner: paddingWritten(model) })).toBeGreaterThan(0);
});

test('a block that is found unverified is caught', async () => {
  unverifiedBlock();
  expect(await caught()).toBeGreaterThan(0);
});

test('draws that are keyed by step are caught', async () => {
  drawsKeyedByStep();
  expect(await caught()).toBeGreaterThan(0);
});
