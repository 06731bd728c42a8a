import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { coreHarness } from '../../../test/llm/core-harness.ts';
import { writeGguf } from '../../../test/llm/gguf-writer.ts';
import { type TinyOptions, tinyModel } from '../../../test/llm/tiny-model.ts';
import { Model } from '../model.ts';
import type { ModelRunner } from '../runner/runner.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-core-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
/** A tiny model; what the embedding has for the tokens `broken` is no number. */
function load(tiny: TinyOptions = {}, broken: readonly number[] = []) {
  const made = tinyModel(tiny);
  const embedding = made.tensors.find(({ name }) => name === 'token_embd.weight');
  const floats = new Float32Array(embedding?.bytes.buffer as ArrayBuffer, embedding?.bytes.byteOffset);
  for (const token of broken) floats.fill(Number.NaN, token * 64, (token + 1) * 64);
  const file = path.join(folder, `${++files}.gguf`);
  writeFileSync(file, writeGguf(made));
  return Model.load(file, { cache: path.join(folder, 'cache'), threads: 1 });
}

const prompt = (seed: number, length: number) =>
  Array.from({ length }, (_, at) => 3 + ((at * 197 + seed * 31) % 500));
const greedy = { temperature: 0, ignoreEos: true } as const;
const ids = (tokens: readonly { readonly token: number }[]) => tokens.map(({ token }) => token);

describe('the engine', () => {
  let model: Model;
  beforeAll(async () => {
    model = await load({ type: 'Q4_1', embedding: 'Q8_0' });
  });
  afterAll(() => model[Symbol.asyncDispose]());

  test('continues a prompt as the logits say', async () => {
    const { core, add, finish, tokens } = coreHarness(model);
    const given = prompt(1, 20);
    const id = add(given, { ...greedy, maxTokens: 8 });
    await finish();
    const expected: number[] = [];
    for (let at = 0; at < 8; at++) {
      const [logits] = await model.logits([...given, ...expected], { from: given.length + at - 1 });
      expected.push((logits as Float32Array).indexOf(Math.max(...(logits as Float32Array))));
    }
    expect(ids(tokens(id))).toEqual(expected);
    const { used, free, blocks } = core.blocks.counters();
    expect([used, free]).toEqual([0, blocks - 1]);
  });

  test.each([8, 200])('computes a beginning that requests share once, for %d', async (requests) => {
    const limits = { maxNumBatchedTokens: 128, maxQueue: 200, maxNumSeqs: 32, kvBlocks: 300 };
    const { core, add, finish } = coreHarness(model, limits);
    const shared = prompt(1, 96);
    for (let at = 0; at < requests; at++) add([...shared, ...prompt(at + 2, 8)], { ...greedy, maxTokens: 1 });
    await finish();
    expect(core.blocks.counters().computed).toBe(96 + requests * 8);
  });

  test('decides the same for the same requests', async () => {
    const logs = await Promise.all(
      [1, 2].map(async () => {
        const { core, add, finish, events } = coreHarness(model, { kvBlocks: 24 });
        for (let at = 0; at < 6; at++) add(prompt(at, 10 + 15 * at), { ...greedy, maxTokens: 30 });
        await core.step();
        add(prompt(9, 40), { ...greedy, maxTokens: 5 });
        core.cancel(2);
        await finish();
        return events.map((event) => ({ ...event, ms: 0, ownMs: 0 }));
      }),
    );
    expect(logs[0]?.some(({ kind }) => kind === 'preempt')).toBe(true);
    expect(logs[0]).toEqual(logs[1]);
  });

  test('logs which request has which sequence, and what was forgotten', async () => {
    const { core, add, finish, events } = coreHarness(model, { kvBlocks: 12, maxNumSeqs: 6 });
    const options = { ignoreEos: true, maxTokens: 40 };
    for (let at = 0; at < 3; at++) add(prompt(at, 20 + at), { ...options, n: 2 });
    await core.step();
    const running = core.step();
    const forgotten = core.resetPrefixCache();
    await running;
    await finish();
    expect(core.counters.preemptions).toBeGreaterThan(0);
    expect(events.filter(({ kind }) => kind === 'reset')).toEqual([
      { kind: 'reset', blocks: await forgotten },
    ]);
    // One a request. Those that were preempted are admitted like others, which would hide it.
    expect(events.filter(({ kind }) => kind === 'branch')).toHaveLength(3);
    const known = new Map<number, string>();
    for (const event of events) {
      if (event.kind === 'admit' || event.kind === 'branch')
        known.set(event.sequence, `${event.request}, ${event.choice}`);
    }
    expect(new Set(known.values()).size).toBe(6);
    const planned = events.flatMap((event) => (event.kind === 'plan' ? event.runs.flat() : []));
    expect(planned.filter(([sequence]) => !known.has(sequence))).toEqual([]);
    expect(known.size).toBe(6);
  });

  test('frees the blocks of a cancelled request within a step, whatever it was doing', async () => {
    for (const steps of [0, 1, 2, 4, 9]) {
      const { core, add, tokens, finish } = coreHarness(model, { maxNumBatchedTokens: 16 });
      const other = add(prompt(5, 20), { ...greedy, maxTokens: 12 });
      const id = add(prompt(1, 60), { ...greedy, maxTokens: 100 });
      for (let step = 0; step < steps; step++) await core.step();
      const running = core.step();
      core.cancel(id);
      await running;
      const before = tokens(id).length;
      expect(core.requests.size).toBeLessThanOrEqual(1);
      await finish();
      expect(tokens(id)).toHaveLength(before);
      expect(tokens(other)).toHaveLength(12);
      expect(core.blocks.counters().used).toBe(0);
    }
  });

  test('does what waited for the end of a run also when the step fails', async () => {
    const emit = () => {
      core.cancel(second);
      forgotten = core.resetPrefixCache();
      throw new Error('no');
    };
    const { core, add } = coreHarness(model, {}, { emit });
    let forgotten: Promise<number> | undefined;
    const first = add(prompt(1, 20), { ...greedy, maxTokens: 8 });
    const second = add(prompt(2, 40), { ...greedy, maxTokens: 8 });
    await expect(core.step()).rejects.toThrow('no');
    expect([...core.requests.requests()].map(({ id }) => id)).toEqual([first]);
    expect(await forgotten).toBeGreaterThan(0);
  });

  test('gives the memory of what was computed back with the step', async () => {
    const results: (Float32Array | undefined)[] = [];
    const run: ModelRunner['run'] = async (step, pool) => {
      const result = await model.runner.run(step, pool);
      results.push(result.newKv, result.logits);
      return result;
    };
    const runner = { shape: model.shape, pool: (blocks: number) => model.runner.pool(blocks), run };
    const { add, finish } = coreHarness(model, {}, { runner });
    add(prompt(1, 20), { temperature: 1, seed: 1, maxTokens: 4 });
    await finish();
    expect(results.map((array) => array?.length)).toEqual(Array(8).fill(0));
  });

  test('refuses at the door what can never be, and what is too much', () => {
    const { add } = coreHarness(model, { kvBlocks: 9, maxQueue: 2, maxNumSeqs: 4 });
    expect(() => add(prompt(1, 200), { maxTokens: 57 })).toThrow(/HR_CONTEXT_LENGTH.*200 tokens and 57 more/);
    expect(() => add(prompt(1, 100), { maxTokens: 60 })).toThrow(/HR_KV_CAPACITY/);
    expect(() => add(prompt(1, 10), { n: 5, maxTokens: 2 })).toThrow(/HR_KV_CAPACITY.*maxNumSeqs/);
    add(prompt(1, 10), { maxTokens: 1 });
    add(prompt(1, 10), { maxTokens: 1 });
    expect(() => add(prompt(1, 10), { maxTokens: 1 })).toThrow(/HR_QUEUE_FULL.*maxQueue/);
  });

  /** What a run may do that meets a token which it does not like. */
  const faults: [string, ModelRunner['run']][] = [
    ['throws', () => Promise.reject(new Error('poisoned'))],
    [
      'has too few results',
      async (step, pool) => ({ ...(await model.runner.run(step, pool)), newKv: new Float32Array(8) }),
    ],
    [
      'has too few logits',
      async (step, pool) => ({ ...(await model.runner.run(step, pool)), logits: new Float32Array(8) }),
    ],
  ];
  test.each(faults)('a run that %s ends the request that makes it do so, and no other', async (_, fault) => {
    const run: ModelRunner['run'] = (step, pool) =>
      step.tokens.includes(77n) ? fault(step, pool) : model.runner.run(step, pool);
    const runner = { shape: model.shape, pool: (blocks: number) => model.runner.pool(blocks), run };
    const clean = [1, 2, 3].map((seed) => prompt(seed, 30).map((token) => (token === 77 ? 78 : token)));
    const expected = coreHarness(model);
    const options = { ...greedy, maxTokens: 10, logprobs: 0 };
    const alone = clean.map((one) => expected.add(one, options));
    await expected.finish();
    const { core, add, finish, tokens, failure, events } = coreHarness(model, {}, { runner });
    const sound = clean.slice(0, 2).map((one) => add(one, options));
    const wrong = add([...prompt(4, 20), 77], options);
    const last = add(clean[2] as number[], options);
    await finish();
    expect(failure(wrong)).toBe('HR_MODEL_RUN');
    // Nobody but the log and the counter tells of a run whose rows have succeeded alone.
    const failed = events.flatMap((event) => (event.kind === 'isolate' ? [event] : []));
    expect(failed.some(({ sequences }) => sequences.length > 1)).toBe(true);
    expect(failed.every(({ why }) => why !== '')).toBe(true);
    expect(core.counters.failedRuns).toBe(failed.length);
    for (const [at, id] of [...sound, last].entries()) {
      // A tiny model may well say the poisoned token itself.
      const said = ids(expected.tokens(alone[at] as number));
      const until = said.indexOf(77);
      expect(ids(tokens(id))).toEqual(until < 0 ? said : said.slice(0, until + 1));
    }
    expect(core.blocks.counters().used).toBe(0);
  });
});

describe('numbers that are none', () => {
  test('fail the request that meets them, and change no bit of the others, at a full pool', async () => {
    await using sound = await load({ type: 'F32', tied: false });
    await using broken = await load({ type: 'F32', tied: false }, [77]);
    const clean = (seed: number, length: number) =>
      prompt(seed, length).map((token) => (token === 77 ? 78 : token));
    const others = [clean(1, 15), clean(2, 33), clean(3, 48), clean(4, 20), clean(5, 64)];
    const options = { ...greedy, maxTokens: 48, logitBias: { 77: -100 } };
    const before = coreHarness(sound, { prefixCache: false });
    const alone: number[] = [];
    for (const one of others) {
      alone.push(before.add(one, options));
      await before.finish();
    }
    const { core, add, finish, tokens, failure } = coreHarness(broken, {
      kvBlocks: 22,
      maxNumBatchedTokens: 32,
    });
    const poisoned = [clean(6, 7), clean(7, 20), clean(8, 50)].map((one) => [...one, 77, ...one]);
    const wrong: number[] = [];
    const right: number[] = [];
    for (const round of [0, 1, 2]) {
      for (const [at, one] of others.entries()) {
        if (at % 2 === 0) wrong.push(add(poisoned[(at / 2 + round) % 3] as number[], options));
        right.push(add(one, options));
      }
      for (let step = 0; step < 3; step++) await core.step();
    }
    await finish();
    for (const id of wrong) expect(failure(id)).toBe('HR_MODEL_RUN');
    for (const [at, id] of right.entries())
      expect(ids(tokens(id))).toEqual(ids(before.tokens(alone[at % others.length] as number)));
    expect(core.counters.preemptions).toBeGreaterThan(0);
    expect(core.blocks.counters().used).toBe(0);
  });
});
