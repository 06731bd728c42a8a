/** Whether a machine gives equal requests equal bits reaches whoever asks: the engine's caller, and clients of the server. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import { createFetchHandler } from '../../ts/serve/fetch-handler.ts';
import { tinyEngine } from '../serve/tiny-server.ts';
import { writeGguf } from './gguf-writer.ts';
import { tinyModel } from './tiny-model.ts';

const warnings: (Error & { code?: string })[] = [];
const listen = (warning: Error) => void warnings.push(warning);
beforeAll(() => void process.on('warning', listen));
afterAll(() => void process.off('warning', listen));
const ours = () => warnings.filter(({ code }) => code === 'HR_NOT_DETERMINISTIC');

/** What a client sees of it. */
async function seen(engine: LlmEngine) {
  const handler = createFetchHandler(engine, { servedModelName: 'tiny' });
  const get = (at: string, init?: RequestInit) => handler(new Request(`http://localhost${at}`, init));
  const { data } = (await (await get('/v1/models')).json()) as { data: { deterministic: unknown }[] };
  const body = JSON.stringify({ model: 'tiny', prompt: 'a', max_tokens: 1 });
  const headers = { 'content-type': 'application/json' };
  const answer = await get('/v1/completions', { method: 'POST', body, headers });
  const { system_fingerprint } = (await answer.json()) as { system_fingerprint: string };
  const metric = /^headrace:deterministic\{.*\} (\d)$/m.exec(await (await get('/metrics')).text())?.[1];
  return { card: data[0]?.deterministic, mark: system_fingerprint.split('_')[2], metric };
}

describe('an engine', () => {
  test('that gives equal requests equal bits says so, and remembers it', async () => {
    const tiny = await tinyEngine();
    const { engine, folder } = tiny;
    expect(engine.info).toMatchObject({ deterministic: true, selfTest: { differences: [], leftOut: [] } });
    expect(await seen(engine)).toEqual({ card: true, mark: 'deterministic', metric: '1' });
    const [model = ''] = readdirSync(path.join(folder, 'cache')).filter((name) => !name.startsWith('.'));
    expect(readdirSync(path.join(folder, 'cache', model))).toContain('self-test.json');
    await tiny.close();
    expect(ours()).toEqual([]);
  });

  test('that does not warns once, and serves', async () => {
    for (let time = 0; time < 2; time++) {
      const tiny = await tinyEngine({ activations: 'float' });
      expect(tiny.engine.info.deterministic).toBe(false);
      expect(await seen(tiny.engine)).toEqual({ card: false, mark: 'nondeterministic', metric: '0' });
      await tiny.close();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(ours()).toHaveLength(1);
    expect(ours()[0]?.message).toMatch(/requests to tiny .* 1 at once, and 2 at once/);
  });

  test('with an embedding that is no number loads, is compared over the others, and fails one request', async () => {
    const { keys, tensors } = tinyModel({ tied: false });
    const { bytes } = tensors.find(({ name }) => name === 'token_embd.weight') ?? {};
    new DataView(bytes?.buffer as ArrayBuffer, bytes?.byteOffset).setFloat32(4 * 64 * 77, Number.NaN, true);
    const folder = mkdtempSync(path.join(tmpdir(), 'headrace-nan-'));
    const file = path.join(folder, 'nan.gguf');
    writeFileSync(file, writeGguf({ keys, tensors }));
    const engine = await LlmEngine.load(file, { cache: path.join(folder, 'cache'), threads: 1 });
    expect(engine.info.deterministic).toBe(true);
    const answer = async (prompt: number[]) => {
      const tokens: number[] = [];
      for await (const { token } of engine.complete(prompt, { maxTokens: 4, temperature: 0 }))
        tokens.push(token);
      return tokens;
    };
    const alone = await answer([5, 6, 7]);
    const [bad, beside] = await Promise.allSettled([answer([5, 77, 7]), answer([5, 6, 7])]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'HR_MODEL_RUN' } });
    expect(beside).toEqual({ status: 'fulfilled', value: alone });
    await engine.close();
    rmSync(folder, { recursive: true });
  });

  test('that was not tried does not say', async () => {
    const tiny = await tinyEngine({ selfTest: false });
    expect(tiny.engine.info).not.toHaveProperty('deterministic');
    expect(await seen(tiny.engine)).toEqual({ card: null, mark: undefined, metric: undefined });
    await tiny.close();
  });
});
