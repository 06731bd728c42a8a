/** What the engine makes of the options about sampling, beside a sampler that sees one row after the other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyFile } from '../../../test/llm/tiny-model.ts';
import { HeadraceError } from '../../errors.ts';
import { type RowSettings, type Sampled, Sampler } from '../sampler.ts';
import type { Answer } from './answer.ts';
import { Chooser } from './chooser.ts';
import { LlmEngine } from './llm-engine.ts';
import type { GenerateOptions } from './options.ts';
import { resolveOptions } from './request.ts';
import type { GeneratedToken } from './token.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-sampling-'));
const file = path.join(folder, 'tiny.gguf');
writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tiny model's end-of-text token. */
const END = 2;
const VOCABULARY = 512;
const PROMPT = Array.from({ length: 37 }, (_, at) => 3 + ((at * 197) % 500));

let engine: LlmEngine;
beforeAll(async () => {
  engine = await LlmEngine.load(file, { cache: path.join(folder, 'cache'), threads: 1 });
});
afterAll(() => engine.close());

/** The tokens of each answer. */
async function answers(options: GenerateOptions, prompt = PROMPT): Promise<GeneratedToken[][]> {
  const all: GeneratedToken[][] = [];
  for await (const token of engine.complete(prompt, options)) {
    all[token.choice] ??= [];
    all[token.choice]?.push(token);
  }
  return all;
}

const ids = (tokens: readonly GeneratedToken[] = []) => tokens.map(({ token }) => token);

/** Follows an answer token by token: the same settings on the logits of the model that computes all at once. */
async function follow(options: GenerateOptions, choice: number, found: readonly GeneratedToken[]) {
  const sampler = new Sampler();
  const tokens = ids(found);
  const rows = await engine.logits([...PROMPT, ...tokens.slice(0, -1)], { from: PROMPT.length - 1 });
  const { logitBias, ...settings } = resolveOptions(options, 100, 0n);
  for (const [position, logits] of rows.entries()) {
    const tooShort = position < settings.minTokens;
    const row: RowSettings = {
      ...settings,
      ...{ choice, choices: 1, position, banned: tooShort ? Uint32Array.of(END) : new Uint32Array() },
      biased: Uint32Array.from(Object.keys(logitBias), Number),
      biases: Float64Array.from(Object.values(logitBias)),
    };
    const output = Uint32Array.from(tokens.slice(0, position));
    const seen = { row: 0, prompt: Uint32Array.from(PROMPT), output, settings: row };
    const [one] = sampler.sample(logits, VOCABULARY, [seen]);
    const { tokens: expected, logprobs, likeliest } = one as Sampled;
    expect(tokens[position], `position ${position} of choice ${choice}`).toBe(expected[0]);
    if (options.logprobs === undefined) expect(found[position]?.scored).toBeUndefined();
    else {
      expect(found[position]?.scored).toMatchObject({ token: expected[0], logprob: logprobs[0] });
      expect(found[position]?.scored?.likeliest).toMatchObject(likeliest);
    }
  }
}

describe('an answer', () => {
  const base = { maxTokens: 14, ignoreEos: true, seed: 11 };
  test.each<[string, GenerateOptions]>([
    ['greedy with logprobs', { temperature: 0, logprobs: 3 }],
    ['greedy with penalties', { temperature: 0, presencePenalty: 1.5, frequencyPenalty: 0.5 }],
    ['against repetition', { temperature: 2, repetitionPenalty: 0.3, logprobs: 1 }],
    ['greedy with biases', { temperature: 0, logitBias: { 7: 4, 9: 3.5, 100: -50 } }],
    ['at a temperature', { temperature: 1.2, logprobs: 0 }],
    ['from the likeliest', { topK: 12, topP: 0.9, minP: 0.02, temperature: 1.5 }],
    ['one of three', { n: 3, temperature: 2, logprobs: 2, frequencyPenalty: 0.3 }],
    ['with the least length', { minTokens: 6, ignoreEos: false, logitBias: { [END]: 20 } }],
    ['with a negative seed', { seed: -5 }],
  ])('%s is what its rows say', async (_, options) => {
    const asked = { ...base, ...options };
    const all = await answers(asked);
    expect(all).toHaveLength(options.n ?? 1);
    for (const [choice, found] of all.entries()) await follow(asked, choice, found);
  });

  test('has the same bits alone, among others, and among those that need no logits', async () => {
    const kinds: GenerateOptions[] = [
      { ...base, temperature: 1, logprobs: 3 },
      { ...base, temperature: 0 },
      { ...base, temperature: 0.8, topP: 0.9, repetitionPenalty: 1.2, n: 2, logprobs: 1 },
    ];
    const alone = [];
    for (const kind of kinds) alone.push(await answers(kind));
    const together = await Promise.all([...kinds, ...kinds, ...kinds].map((kind) => answers(kind)));
    for (const [at, found] of together.entries()) expect(found).toEqual(alone[at % kinds.length]);
  });

  test('is another for another seed, and for another choice', async () => {
    const [one, two] = [await answers({ ...base, n: 4 }), await answers({ ...base, seed: 12 })];
    expect(new Set([...one, ...two].map((tokens) => ids(tokens).join())).size).toBe(5);
    // The first of several answers is the one that comes alone.
    expect(one[0]).toEqual((await answers(base))[0]);
  });

  test('of the likeliest tokens is the same with and without logits', async () => {
    const [plain] = await answers({ ...base, temperature: 0 });
    const [scored] = await answers({ ...base, temperature: 0, logprobs: 1 });
    expect(ids(plain)).toEqual(ids(scored));
    expect(scored?.map(({ scored }) => scored?.likeliest[0]?.token)).toEqual(ids(plain));
  });

  test('has no end before its least length, and stops there', async () => {
    const ending = { temperature: 0, logitBias: { [END]: 100 }, maxTokens: 20 };
    expect(ids((await answers(ending))[0])).toEqual([END]);
    const [found] = await answers({ ...ending, minTokens: 5 });
    expect(ids(found).indexOf(END)).toBe(5);
    expect(found?.at(-1)?.finish).toBe('stop');
  });

  test('names the bytes of scored tokens', async () => {
    const [found] = await answers({ ...base, logprobs: 20, maxTokens: 3 });
    for (const { scored } of found ?? []) {
      expect(scored?.likeliest).toHaveLength(20);
      for (const { token, bytes } of [scored, ...(scored?.likeliest ?? [])].filter(
        (one) => one !== undefined,
      ))
        expect(new TextDecoder().decode(bytes)).toBe(await engine.decode([token]));
    }
  });
});

describe('the chooser', () => {
  const tokens = { ends: new Set([1]), bytes: [0, 1, 2].map((token) => Uint8Array.of(token)) };
  const answer = (options: GenerateOptions, output: number[] = []) => {
    const request = { id: 1, prompt: Uint32Array.of(0), options: resolveOptions(options, 10, 1n) };
    const tooShort = output.length < request.options.minTokens;
    return { request, choice: 0, output, tooShort } as unknown as Answer;
  };
  const result = (logits: number[] | undefined) => ({
    ...{ tokens: BigInt64Array.of(0n, 2n, 1n), sums: new Float32Array(3), newKv: new Float32Array() },
    logits: logits === undefined ? undefined : Float32Array.from(logits),
  });

  test('takes what the model says where that is enough, and fails a row alone', () => {
    const chooser = new Chooser(tokens, 3);
    const greedy = answer({ temperature: 0, n: 2 });
    const scored = answer({ temperature: 0, logprobs: 1 });
    expect([greedy, scored].map((one) => chooser.needsLogits(one))).toEqual([false, true]);
    expect(chooser.needsLogits(answer({ temperature: 0, minTokens: 1 }))).toBe(true);
    expect(chooser.needsLogits(answer({ temperature: 0, minTokens: 1 }, [0]))).toBe(false);
    const rows = new Map([
      [0, scored],
      [1, greedy],
      [2, answer({ logprobs: 0 })],
    ]);
    const chosen = chooser.choose(rows, result([1, 3, 2, 0, 0, 0, ...Array(3).fill(-Infinity)]));
    expect(chosen.get(0)).toMatchObject([
      { token: 1, scored: { token: 1, bytes: Uint8Array.of(1), likeliest: [{ token: 1 }] } },
    ]);
    expect(chosen.get(1)).toEqual([{ token: 2 }, { token: 2 }]);
    expect(chosen.get(2)).toBeInstanceOf(HeadraceError);
    expect(() => chooser.choose(rows, result(undefined))).toThrow(/HR_INTERNAL/);
  });
});
