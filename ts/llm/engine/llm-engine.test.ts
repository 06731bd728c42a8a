import { getEventListeners, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tinyFile } from '../../../test/llm/tiny-model.ts';
import { LlmEngine } from './llm-engine.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'headrace-engine-'));
const file = path.join(folder, 'tiny.gguf');
writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0' }));
const options = { cache: path.join(folder, 'cache'), threads: 1 };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const chat = (content: string) => [{ role: 'user', content }] as const;

describe('an engine', () => {
  let engine: LlmEngine;
  beforeAll(async () => {
    engine = await LlmEngine.load(file, options);
  });
  afterAll(() => engine.close());

  test('answers a chat token by token', async () => {
    const generation = engine.chat(chat('hello'), { maxTokens: 12, temperature: 0, ignoreEos: true });
    const tokens = await Array.fromAsync(generation);
    expect(tokens).toHaveLength(12);
    expect(tokens.at(-1)?.finish).toBe('length');
    expect(generation.usage()).toMatchObject({ completionTokens: 12, cachedTokens: 0 });
    const text = tokens.map((token) => token.text).join('');
    expect(await engine.decode(tokens.map(({ token }) => token))).toBe(text);
  });

  test('many at a time are answered as one alone', async () => {
    const ask = (at: number) => engine.chat(chat(`number ${at}`), { maxTokens: 12, temperature: 0 }).text();
    const together = await Promise.all(Array.from({ length: 12 }, (_, at) => ask(at)));
    for (const [at, text] of together.entries()) expect(await ask(at)).toBe(text);
  });

  test('a request that is aborted ends, and its blocks are free', async () => {
    const abort = new AbortController();
    const generation = engine.complete('once upon a time', { signal: abort.signal, ignoreEos: true });
    await generation.next();
    abort.abort();
    await expect(Array.fromAsync(generation)).rejects.toThrow(/HR_CANCELLED/);
    for await (const _ of engine.complete('once', { ignoreEos: true })) break;
    await expect(engine.complete('once', { signal: abort.signal }).text()).rejects.toThrow(/HR_CANCELLED/);
    await expect.poll(async () => (await engine.metrics()).kv.used).toBe(0);
  });

  test('a request is what was asked for, whatever becomes of the objects that said so', async () => {
    const [stop, logitBias, tokens] = [['zz'], { 7: -1 }, [5, 6, 7]];
    const asked = { maxTokens: 3, temperature: 0, ignoreEos: true, stop, logitBias };
    const generation = engine.complete(tokens, asked);
    asked.maxTokens = 1e9;
    asked.temperature = Number.NaN;
    stop[0] = '';
    logitBias[7] = Number.NaN;
    tokens[1] = -1;
    expect(await Array.fromAsync(generation)).toHaveLength(3);
  });

  test('a request whose signal is aborted already is not looked at', async () => {
    let looks = 0;
    const prompt = {
      get length() {
        return ++looks;
      },
    };
    const generation = engine.complete(prompt as ArrayLike<number>, { signal: AbortSignal.abort() });
    await expect(generation.text()).rejects.toThrow(/HR_CANCELLED/);
    expect(looks).toBe(0);
  });

  test('signals keep nothing of requests that have ended', async () => {
    const { signal } = new AbortController();
    const ask = () => engine.complete('once', { maxTokens: 2, signal });
    await Promise.all([ask().text(), ask().text(), ask().return()]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('what cannot be is refused', async () => {
    expect(() => engine.complete('x', { temperature: 3 })).toThrow(/HR_OPTION_INVALID.*temperature/);
    await expect(engine.complete('', {}).text()).rejects.toThrow(/HR_OPTION_INVALID.*no tokens/);
    await expect(engine.complete([512]).text()).rejects.toThrow(/HR_OPTION_INVALID.*no token 512/);
    await expect(engine.complete('x', { maxTokens: 256 }).text()).rejects.toThrow(/HR_CONTEXT_LENGTH/);
    await expect(engine.chat([{ role: 'nobody' as 'user', content: '' }]).text()).rejects.toThrow(/HR_/);
  });

  test('drains', async () => {
    await using other = await LlmEngine.load(file, options);
    const text = other.complete('hello', { maxTokens: 20 }).text();
    const drained = other.drain();
    expect(() => other.complete('hello')).toThrow(/HR_ENGINE_CLOSED/);
    await drained;
    await expect(text).resolves.toBeTypeOf('string');
  });

  test('that is closed ends what it has', async () => {
    const other = await LlmEngine.load(file, options);
    const ends = expect(other.complete('hello', { ignoreEos: true }).text()).rejects.toThrow(
      /HR_ENGINE_CLOSED/,
    );
    await other.close();
    await ends;
  });

  test.each(['engine', 'tokenizer'])(
    'whose %s thread dies ends what it has, and the other thread',
    async (which) => {
      const threads: Worker[] = [];
      const see = (worker: Worker) => void threads.push(worker);
      process.on('worker', see);
      const other = await LlmEngine.load(file, options);
      process.off('worker', see);
      const ends = expect(other.complete('hello', { ignoreEos: true }).text()).rejects.toThrow(
        /HR_ENGINE_CLOSED/,
      );
      const gone = Promise.all(threads.map((thread) => once(thread, 'exit')));
      await threads[which === 'engine' ? 0 : 1]?.terminate();
      await ends;
      expect((await other.ended).code).toBe('HR_ENGINE_CLOSED');
      expect(() => other.complete('hello')).toThrow(/HR_ENGINE_CLOSED/);
      await expect(other.drain()).resolves.toBeUndefined();
      await gone;
      await expect(other.metrics()).rejects.toThrow(/HR_ENGINE_CLOSED/);
      await expect(other.encode('hello')).rejects.toThrow(/HR_ENGINE_CLOSED/);
      await other.close();
      await other[Symbol.asyncDispose]();
    },
  );

  test('of a file that is not there says so', async () => {
    await expect(LlmEngine.load(path.join(folder, 'none.gguf'), options)).rejects.toThrow(/HR_NOT_FOUND/);
    await expect(LlmEngine.load(file, { ...options, maxModelLen: 1000 })).rejects.toThrow(
      /HR_OPTION_INVALID/,
    );
  });
});
