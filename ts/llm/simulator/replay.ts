/** Sends a trace to an engine in real time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isHeadraceError } from '../../errors.ts';
import type { LlmEngine } from '../engine/llm-engine.ts';
import { type ArrivalTrace, promptTokens } from './arrival-trace.ts';
import type { RequestTimes } from './latencies.ts';

/**
 * When the requests of the trace came and were answered, by their places in it, as a caller of the engine sees it. They
 * arrive when the trace says, also if they are sent later because the thread was busy. Ends early, with requests that have
 * failed, when `ends` is aborted.
 */
export async function replay(
  trace: ArrivalTrace,
  engine: Pick<LlmEngine, 'complete' | 'info'>,
  ends?: AbortSignal,
): Promise<RequestTimes[]> {
  const prompts = trace.map((request) => promptTokens(request, engine.info.vocabulary));
  const began = performance.now();
  return Promise.all(
    trace.map(async ({ atMs, output, priority }, at) => {
      const arrivedMs = began + atMs;
      const signal = AbortSignal.any(ends === undefined ? [] : [ends]);
      const tokensMs: number[] = [];
      try {
        // Timers leave out parts of a millisecond.
        await sleep(Math.max(0, Math.ceil(arrivedMs - performance.now())), undefined, { signal }).catch(
          () => {
            // Then the request is aborted before it is sent.
          },
        );
        const options = { maxTokens: output, ignoreEos: true, temperature: 0, priority, signal };
        for await (const _ of engine.complete(prompts[at] as Uint32Array, options))
          tokensMs.push(performance.now());
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        return { arrivedMs, tokensMs, error: error.code };
      }
      return { arrivedMs, tokensMs };
    }),
  );
}
