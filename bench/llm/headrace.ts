/** The engine as a side of the LLM benchmark: in process, as `LlmEngine`, and behind HTTP. */
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import type { EngineMetrics } from '../../ts/llm/engine/metrics.ts';
import { createFetchHandler } from '../../ts/serve/fetch-handler.ts';
import { HttpFront } from '../../ts/serve/http-front.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { SERVED_NAME } from './over-http.ts';
import { type Question, type Setup, type Timed, timed } from './question.ts';

let engine: LlmEngine;

async function* tokensOf(prompt: readonly number[], maxTokens: number): AsyncGenerator<number> {
  for await (const { token } of engine.complete(prompt, { maxTokens, temperature: 0, ignoreEos: true }))
    yield token;
}

serve({
  load: async ({ file, threads }: Setup): Promise<void> => {
    engine = await LlmEngine.load(file, { threads });
  },
  answer: async ({ prompts, tokens, warm }: Question): Promise<Timed> => {
    if (!warm) await engine.resetPrefixCache();
    collectGarbage();
    const began = performance.now();
    return timed(
      prompts.map((prompt) => tokensOf(prompt, tokens)),
      began,
    );
  },
  reset: (): Promise<number> => engine.resetPrefixCache(),
  metrics: (): Promise<EngineMetrics> => engine.metrics(),
  /** Listens on loopback; resolves with the port. */
  listen: async (): Promise<number> => {
    const handler = createFetchHandler(engine, { servedModelName: SERVED_NAME });
    const front = await HttpFront.listen(handler, { port: 0, host: '127.0.0.1' });
    return front.port;
  },
});
