import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TinyOptions, tinyFile } from '../../../test/llm/tiny-model.ts';
import { Model } from '../model.ts';
import { type CoreLimits, EngineCore } from './core.ts';
import type { EngineOutput } from './engine-output.ts';
import type { GenerateOptions } from './options.ts';
import { resolveOptions } from './request.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-core-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const load = (tiny: TinyOptions = {}) => {
  const file = path.join(folder, 'tiny.gguf');
  writeFileSync(file, tinyFile(tiny));
  return Model.load(file, { cache: path.join(folder, 'cache'), threads: 1 });
};

const LIMITS: CoreLimits = {
  ...{ kvBlocks: 65, watermark: 1, maxNumSeqs: 16, maxNumBatchedTokens: 64, maxModelLen: 256, maxQueue: 64 },
  ...{ maxRunCells: 2 ** 22, prefixCache: true, policy: 'fcfs' },
};

/** An engine, and what it has said about each request. */
function engine(model: Model, limits: Partial<CoreLimits> = {}) {
  const said = new Map<number, EngineOutput[]>();
  const core = new EngineCore(
    {
      runner: model.runner,
      tokens: model.engineTokens,
      salt: model.digest,
      clock: () => performance.now(),
      emit(outputs) {
        for (const output of outputs) said.set(output.request, [...(said.get(output.request) ?? []), output]);
      },
    },
    { ...LIMITS, ...limits },
  );
  let ids = 0;
  return {
    core,
    add(prompt: readonly number[], options: GenerateOptions) {
      const id = ++ids;
      core.add({
        id,
        prompt: Uint32Array.from(prompt),
        options: resolveOptions(options, 256 - prompt.length, 1n),
      });
      return id;
    },
    async finish() {
      while (!core.idle) await core.step();
    },
    tokens: (id: number) =>
      (said.get(id) ?? []).flatMap((output) =>
        output.kind === 'tokens' ? output.tokens.map(({ token }) => token) : [],
      ),
  };
}

const prompt = (seed: number, length: number) =>
  Array.from({ length }, (_, at) => 3 + ((at * 197 + seed * 31) % 500));

describe('the engine', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load({ type: 'Q4_1', embedding: 'Q8_0' });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  test('continues a prompt as the logits say', async () => {
    const { core, add, finish, tokens } = engine(model);
    const given = prompt(1, 20);
    const id = add(given, { temperature: 0, maxTokens: 8, ignoreEos: true });
    await finish();
    const expected: number[] = [];
    for (let at = 0; at < 8; at++) {
      const [logits] = await model.logits([...given, ...expected], { from: given.length + at - 1 });
      expected.push((logits as Float32Array).indexOf(Math.max(...(logits as Float32Array))));
    }
    expect(tokens(id)).toEqual(expected);
    const { used, free, blocks } = core.blocks.counters();
    expect([used, free]).toEqual([0, blocks - 1]);
  });

  test('gives the same tokens alone and among others, in every chunk, cached or preempted', async () => {
    const lengths = [15, 16, 17, 31, 32, 33, 100];
    const alone: number[][] = [];
    for (const length of lengths) {
      const { add, finish, tokens } = engine(model, { prefixCache: false });
      const id = add(prompt(length, length), { temperature: 0, maxTokens: 24, ignoreEos: true });
      await finish();
      alone.push(tokens(id));
    }
    for (const limits of [{}, { maxNumBatchedTokens: 16 }, { prefixCache: false }, { kvBlocks: 20 }]) {
      const { core, add, finish, tokens } = engine(model, limits);
      const ids = [...lengths, ...lengths].map((length) =>
        add(prompt(length, length), { temperature: 0, maxTokens: 24, ignoreEos: true }),
      );
      await finish();
      for (const [at, id] of ids.entries())
        expect(tokens(id), JSON.stringify(limits)).toEqual(alone[at % lengths.length]);
      if (limits.kvBlocks !== undefined) expect(core.counters.preemptions).toBeGreaterThan(0);
    }
  });
});
