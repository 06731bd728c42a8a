/** The folder of converted models is bounded, shared by processes, and whole whatever happens to them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tinyFile } from '../../../test/llm/tiny-model.ts';
import { draw } from '../../../test/seeds.ts';
import { LlmEngine } from '../engine/llm-engine.ts';
import { Model } from '../model.ts';
import { seededRandom } from '../simulator/random.ts';
import { importModel } from './import-model.ts';
import { cacheLimit, removeFolder } from './room.ts';
import { endUse } from './use.ts';

const parent = mkdtempSync(path.join(tmpdir(), 'headrace-room-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
let cache: string;
beforeEach(() => {
  cache = path.join(mkdtempSync(path.join(parent, 'case-')), 'cache');
});

/** A file whose conversion takes as many bytes as that of every other seed. */
function write(seed: number, layers = 2): string {
  const file = path.join(parent, `${seed}-${layers}.gguf`);
  writeFileSync(file, tinyFile({ seed, layers }));
  return file;
}

const bytesOf = (folder: string) =>
  readdirSync(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0);
const models = () => readdirSync(cache).filter((name) => !name.startsWith('.'));
const hidden = (prefix = '.') =>
  existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith(prefix)) : [];

/** Converts a model and lets it go; its folder's name. `ago` milliseconds later than it was. */
function visit(file: string, cacheBytes: number, ago = 0): string {
  const { graph, use } = importModel(file, { cache, cacheBytes });
  endUse(use);
  const when = new Date(Date.now() - ago);
  utimesSync(path.join(path.dirname(graph), 'seal.json'), when, when);
  return path.basename(path.dirname(graph));
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Imports a file in a process of its own. */
function elsewhere(file: string, ...more: string[]): ChildProcess {
  const program = path.resolve(import.meta.dirname, '../../../test/llm/import-program.ts');
  const child = spawn(process.execPath, [program, file, cache, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

/** What a child writes, once that matches; rejects if it ends before. */
async function says(child: ChildProcess, what: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk;
    if (what.test(text)) return text;
  }
  throw new Error(`It said only: ${text}`);
}

describe('the cache', () => {
  test('removes what was not used for longest, down to its limit', () => {
    const room = Math.floor(3.5 * sizeOfOne());
    const [first, second, third] = [1, 2, 3].map((seed) => visit(write(seed), room, 4_000 - 1_000 * seed));
    expect(models().toSorted()).toEqual([first, second, third].toSorted());
    // The first is used again, so the second has to go.
    visit(write(1), room);
    const fourth = visit(write(4), room);
    expect(models().toSorted()).toEqual([first, third, fourth].toSorted());
    expect(hidden()).toEqual([]);
    expect(importModel(write(1), { cache }).graph).toContain(first);
  });

  test('keeps what is in use, also the only model, and removes it when it is not', () => {
    const first = importModel(write(1), { cache, cacheBytes: 0 });
    const second = importModel(write(2), { cache, cacheBytes: 0 });
    expect(models()).toHaveLength(2);
    endUse(first.use);
    const third = visit(write(3), 0);
    expect(models().toSorted()).toEqual([path.basename(path.dirname(second.graph)), third].toSorted());
    endUse(second.use);
    const fourth = visit(write(4), 0);
    expect(models()).toEqual([fourth]);
  });

  test('leaves alone what is not its own', () => {
    mkdirSync(path.join(cache, 'notes'), { recursive: true });
    writeFileSync(path.join(cache, 'notes', 'text'), 'a'.repeat(1000));
    writeFileSync(path.join(cache, 'model.gguf'), 'a'.repeat(1000));
    visit(write(1), 0);
    const second = visit(write(2), 0);
    expect(models().toSorted()).toEqual(['model.gguf', 'notes', second].toSorted());
  });

  test('lets go of a model with its disposal, its failure to load, and the closing of its engine', async () => {
    const model = await Model.load(write(1), { cache });
    expect(hidden()).toHaveLength(1);
    await model[Symbol.asyncDispose]();
    expect(hidden()).toEqual([]);
    const engine = await LlmEngine.load(write(1), { cache, threads: 1 });
    expect(hidden()).toHaveLength(1);
    await engine.close();
    expect(hidden()).toEqual([]);
    const other = tinyFile({ seed: 1 });
    const file = path.join(parent, 'tokens.gguf');
    writeFileSync(file, Buffer.from(other).toString('latin1').replace('smollm', 'smollx'), 'latin1');
    await expect(Model.load(file, { cache })).rejects.toThrow(/HR_MODEL_UNSUPPORTED/);
    expect(hidden()).toEqual([]);
  });

  test('lets go of a model whose engine is given up while it loads, or cannot be', async () => {
    const file = write(1);
    const controller = new AbortController();
    const loading = LlmEngine.load(file, { cache, threads: 1, signal: controller.signal });
    const refused = expect(loading).rejects.toThrow(/HR_CANCELLED/);
    await expect.poll(() => hidden('.use-').length).toBe(1);
    controller.abort();
    await refused;
    await expect(LlmEngine.load(file, { cache, threads: 1, maxModelLen: 10_000 })).rejects.toThrow(
      /maxModelLen/,
    );
    expect(hidden('.use-')).toEqual([]);
  });

  test.each([false, true])('puts back what is to stay, unless another is in its place: %s', (another) => {
    const [folder, text] = [path.join(cache, 'model'), path.join(cache, 'model', 'text')];
    const put = (content: string) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(text, content);
    };
    put('first');
    removeFolder(cache, 'model', (aside) => {
      expect(readFileSync(path.join(aside, 'text'), 'utf8')).toBe('first');
      if (another) put('second');
      return false;
    });
    expect(readFileSync(text, 'utf8')).toBe(another ? 'second' : 'first');
    expect(readdirSync(cache)).toEqual(['model']);
  });

  test.each([-1, 1.5, Number.NaN])('refuses a limit of %s', (cacheBytes) => {
    expect(() => importModel(write(1), { cache, cacheBytes })).toThrow(/HR_OPTION_INVALID: cacheBytes is/);
  });

  test('takes its limit from the environment, unless told otherwise', () => {
    const variable = 'HEADRACE_MODEL_CACHE_BYTES';
    try {
      process.env[variable] = '1000000';
      expect(cacheLimit()).toBe(1_000_000);
      expect(cacheLimit(5)).toBe(5);
      process.env[variable] = 'much';
      expect(() => cacheLimit()).toThrow(/HR_OPTION_INVALID: HEADRACE_MODEL_CACHE_BYTES is 'much'/);
      process.env[variable] = '';
      expect(cacheLimit()).toBe(2 ** 34);
    } finally {
      delete process.env[variable];
    }
  });

  function sizeOfOne(): number {
    const bytes = bytesOf(path.join(cache, visit(write(1), 0)));
    rmSync(cache, { recursive: true });
    return bytes;
  }
});

describe('processes that share the cache', () => {
  // The moment in which one may harm another is short: several times.
  test.each([5, 6, 7, 8])('import one file at the same time, and all have it (%d)', async (seed) => {
    const file = write(seed, 12);
    const all = Array.from({ length: 6 }, () => elsewhere(file));
    const graphs = await Promise.all(all.map((child) => says(child, /graph.*\n/)));
    expect(new Set(graphs.map((text) => JSON.parse(text.split('\n')[1] ?? '').graph)).size).toBe(1);
    for (const child of all) child.exitCode ?? (await once(child, 'exit'));
    expect(models()).toHaveLength(1);
    expectWhole(file);
  });

  test('do not remove what another one uses, until that is killed', async () => {
    const user = elsewhere(write(1), 'stay');
    await says(user, /graph.*\n/);
    const [used] = models();
    const second = visit(write(2), 0);
    expect(models().toSorted()).toEqual([used, second].toSorted());
    user.kill('SIGKILL');
    await once(user, 'exit');
    const third = visit(write(3), 0);
    expect(models()).toEqual([third]);
    expect(hidden()).toEqual([]);
  });

  const { seed, replay } = draw(1);
  test(`that are killed in the middle of an import leave nothing that is taken for whole (replay: ${replay})`, async () => {
    const random = seededRandom(seed);
    let midway = 0;
    // Most kills land while the folder is being made; a slow or a fast machine may need some more.
    for (let kills = 0; kills < 8 || (midway === 0 && kills < 40); kills++) {
      const file = write(100 + kills, 24);
      const child = elsewhere(file);
      await says(child, /began/);
      for (let waits = 0; !making() && waits < 1_000; waits++) await pause(1);
      await pause(random() * 30);
      child.kill('SIGKILL');
      await once(child, 'exit');
      if (making()) midway++;
      // What is there is whole, or is not found and made again.
      const shown = models();
      expectWhole(file);
      expect(models().length - shown.length).toBeLessThanOrEqual(1);
      for (const name of hidden()) rmSync(path.join(cache, name), { recursive: true });
    }
    expect(midway).toBeGreaterThan(0);
  });

  const making = () => hidden('.making-').length > 0;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  /** The folder of this file has the bytes that an undisturbed import gives it. */
  function expectWhole(file: string): void {
    const own = path.dirname(importModel(file, { cache }).graph);
    const clean = path.dirname(importModel(file, { cache: mkdtempSync(path.join(parent, 'clean-')) }).graph);
    for (const name of readdirSync(clean))
      expect(readFileSync(path.join(own, name)).equals(readFileSync(path.join(clean, name))), name).toBe(
        true,
      );
  }
});
