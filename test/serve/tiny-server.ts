/** A server over the tiny model for tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import type { EngineOptions } from '../../ts/llm/engine/engine-options.ts';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import { createFetchHandler } from '../../ts/serve/fetch-handler.ts';
import { type FrontLimits, HttpFront } from '../../ts/serve/http-front.ts';
import type { ServeOptions } from '../../ts/serve/serve-options.ts';
import type { ServedEngine } from '../../ts/serve/served-engine.ts';
import { type TinyOptions, tinyFile } from '../llm/tiny-model.ts';

/** For {@link tinyEngine}: four places, in each of which an answer of `ENDLESS` tokens is longer than any test takes. */
export const ENDLESS = 32_000;
export const ROOMY = { maxNumSeqs: 4, kvBlocks: 8_200, context: 32_768 };

/** A folder with the tiny model's file, and an engine of it. */
export async function tinyEngine(options: EngineOptions & TinyOptions = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'headrace-serve-'));
  const file = path.join(folder, 'tiny.gguf');
  const { context = 1024, ...others } = options;
  writeFileSync(file, tinyFile({ type: 'Q4_1', embedding: 'Q8_0', context }));
  const engine = await LlmEngine.load(file, { cache: path.join(folder, 'cache'), threads: 1, ...others });
  const close = async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { engine, file, folder, close };
}

/** An engine that is another but for this. */
export function altered(engine: ServedEngine, change: Partial<ServedEngine>): ServedEngine {
  return {
    info: engine.info,
    complete: (prompt, options) => engine.complete(prompt, options),
    encode: (text) => engine.encode(text),
    encodeChat: (messages) => engine.encodeChat(messages),
    decode: (tokens) => engine.decode(tokens),
    metrics: () => engine.metrics(),
    ...change,
  };
}

/** Serves an engine on a free port. */
export async function serve(
  engine: ServedEngine | Promise<ServedEngine>,
  options: ServeOptions = {},
  limits: Partial<FrontLimits> = {},
) {
  const handler = createFetchHandler(engine, { servedModelName: 'tiny', ...options });
  const front = await HttpFront.listen(handler, { port: 0, host: '127.0.0.1', limits });
  const url = `http://127.0.0.1:${front.port}`;
  const [apiKey = 'none'] = options.apiKeys ?? [];
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
  // Node gives up a request whose response is collected as garbage before its body has been read.
  const kept: Response[] = [];
  const post = async (at: string, body: unknown, init: RequestInit = {}) => {
    const response = await fetch(url + at, {
      ...{ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) },
      ...init,
      headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
    });
    kept.push(response);
    return response;
  };
  return { handler, front, url, client, post };
}

/** The error in a response. */
export async function errorIn(response: Response) {
  const { error } = (await response.json()) as {
    error: { message: string; type: string; param: string | null; code: string | null };
  };
  return { status: response.status, ...error };
}
