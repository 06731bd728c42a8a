/** `headrace serve MODEL`: the OpenAI API over a model until a signal comes. */
import type { EngineOptions } from '../llm/engine/engine-options.ts';
import type { EngineInfo } from '../llm/engine/engine-worker.ts';
import { LlmEngine } from '../llm/engine/llm-engine.ts';
import { BLOCK_TOKENS } from '../llm/import/shape.ts';
import { runtimeVersion } from '../llm/runner/load-runtime.ts';
import { requireKey } from '../serve/exposure.ts';
import { createFetchHandler } from '../serve/fetch-handler.ts';
import { HttpFront } from '../serve/http-front.ts';
import { givenKeys } from './given-keys.ts';
import { formatCount } from './progress.ts';
import { describeError } from './report-error.ts';
import type { ServeFlags } from './serve-flags.ts';
import { servedModel } from './served-model.ts';
import { StopSignals } from './stop-signals.ts';

/**
 * Listens, loads the model, and serves until SIGTERM or SIGINT; then it takes no more requests and ends when those that are
 * open are answered. Throws what cannot be served, and what has ended the engine.
 */
export async function serveCommand(model: string, flags: ServeFlags): Promise<void> {
  const { file, name: servedName } = servedModel(model);
  const apiKeys = givenKeys(flags, process.env);
  requireKey(flags.host, apiKeys.length);
  runtimeVersion();
  const name = flags.servedModelName ?? servedName;
  const { maxQueueRequests, maxQueueTokens, maxBodyBytes, maxRequestsPerKey, port, host } = flags;
  const loaded = Promise.withResolvers<LlmEngine>();
  const handler = createFetchHandler(loaded.promise, {
    servedModelName: name,
    ...{ apiKeys, maxQueueRequests, maxQueueTokens, maxBodyBytes, localOnly: apiKeys.length === 0 },
    ...(maxRequestsPerKey === undefined ? {} : { maxRequestsPerKey }),
    onFailure: (error) => process.stderr.write(`${describeError(error)}\n`),
  });
  using signals = new StopSignals();
  const front = await HttpFront.listen(handler, { port, host });
  try {
    const address = `http://${host.includes(':') ? `[${host}]` : host}:${front.port}`;
    say(`Listening on ${address}; loading ${file}`);
    await using engine = await load(file, flags, signals.signal);
    if (engine === undefined) return;
    loaded.resolve(engine);
    say(readyText(engine.info, name));
    const ended = await Promise.race([engine.ended, signals.heard()]);
    if (ended !== undefined) throw ended;
    say(`Stopping: open requests have ${flags.drain} s; once more to end at once.`);
    await front.drain(flags.drain * 1000);
  } finally {
    await front.close();
  }
}

/** The engine; undefined if a signal came before it was loaded. */
async function load(file: string, flags: ServeFlags, signal: AbortSignal): Promise<LlmEngine | undefined> {
  try {
    return await LlmEngine.load(file, { ...engineOptions(flags), signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function engineOptions(flags: ServeFlags): EngineOptions {
  const { maxModelLen, maxNumSeqs, maxNumBatchedTokens, kvBlocks, threads } = flags;
  const given = { maxModelLen, maxNumSeqs, maxNumBatchedTokens, kvBlocks, threads };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    // Who waits for a first token waits for a first run: the engine's own queue need not be longer.
    maxQueue: flags.maxQueueRequests,
    ...{ prefixCache: flags.prefixCache, policy: flags.schedulingPolicy },
  };
}

function readyText({ model, context, kvBlocks, maxNumSeqs }: EngineInfo, name: string): string {
  const called = name === model ? name : `${name} (${model})`;
  return `Serving ${called}: context of ${formatCount(context)} tokens, ${formatCount(kvBlocks)} KV blocks of ${BLOCK_TOKENS} tokens, ${formatCount(maxNumSeqs)} sequences at a time.`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
