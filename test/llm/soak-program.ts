/**
 * Sends many requests to an engine and aborts some of them wherever they are; prints what became of them, of the blocks and of
 * the memory. A program of its own, so that only its memory is looked at: `soak-program.ts FILE CACHE SEED tiny|real`.
 */

import { isHeadraceError } from '../../ts/errors.ts';
import type { EngineOptions } from '../../ts/llm/engine/engine-options.ts';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import { seededRandom } from '../../ts/llm/simulator/random.ts';

interface Load {
  readonly engine: EngineOptions;
  readonly requests: number;
  /**
   * Requests before memory is looked at. The largest runs are among them, and so is the first time that the collector of each
   * thread cleans up what did not die young. Real weights take three or four periods: until then the memory of results, which are
   * megabytes of ever other sizes, grows by a step of one or two more.
   */
  readonly warmUp: number;
  /** After so many requests the same ones come again, so that runs as large as those of the warm-up come, and no larger ones. */
  readonly period: number;
  /** Memory is looked at every so many requests. */
  readonly every: number;
  readonly atATime: number;
  /** Tokens of most prompts, and of every tenth. */
  readonly prompt: readonly [number, number];
  readonly answer: number;
  readonly context: number;
  /** Within so many milliseconds a request waits, or its prompt is computed. */
  readonly soonMs: number;
}

const LOADS: Readonly<Record<string, Load>> = {
  tiny: {
    engine: { threads: 1, kvBlocks: 65, maxNumSeqs: 32, maxQueue: 128 },
    ...{ requests: 26_000, warmUp: 16_000, period: 26_000, every: 500, atATime: 64 },
    ...{ prompt: [40, 200], answer: 48, context: 256, soonMs: 3 },
  },
  real: {
    engine: { kvBlocks: 49, maxNumSeqs: 8, maxNumBatchedTokens: 128, maxQueue: 128 },
    ...{ requests: 2_400, warmUp: 1_200, period: 300, every: 30, atATime: 16 },
    ...{ prompt: [40, 600], answer: 20, context: 768, soonMs: 2_000 },
  },
};

/**
 * Every fiftieth request is aborted, in turn: before anything is done for it; while it waits or its prompt is computed;
 * behind one of its tokens; before the last one.
 */
const ABORT_EVERY = 50;
const PHASES = ['at once', 'soon', 'behind a token', 'before the last token'] as const;

const [file = '', cache = '', seed = '1', kind = 'tiny'] = process.argv.slice(2);
const load = LOADS[kind] as Load;
await using engine = await LlmEngine.load(file, { cache, ...load.engine });
const counts = { finished: 0, aborted: 0, started: 0 };
const aborted: Record<string, number> = {};
const memory: { requests: number; bytes: number }[] = [];

async function one(number: number): Promise<void> {
  const random = seededRandom(Number(seed) * load.period + (number % load.period));
  const below = (limit: number) => Math.floor(random() * limit);
  const [short, long] = load.prompt;
  const length = 1 + below(number % 10 === 0 ? long : short);
  // A third of them begin alike, as far as chance has it.
  const prompt = Array.from({ length }, () => 3 + below(number % 3 === 0 ? 4 : engine.info.vocabulary - 12));
  const maxTokens = 2 + below(Math.min(load.answer, load.context - length) - 1);
  const phase =
    number % ABORT_EVERY === 7 ? PHASES[Math.floor(number / ABORT_EVERY) % PHASES.length] : undefined;
  const end = phase === 'before the last token';
  const n = end ? 1 : 1 + below(2);
  const abort = new AbortController();
  const answer = engine.complete(prompt, {
    ...{ maxTokens, n, seed: number % load.period, signal: abort.signal },
    // What comes again is computed again.
    cacheSalt: `${Math.floor(number / load.period)}`,
  });
  if (phase === 'at once') abort.abort();
  if (phase === 'soon') setTimeout(() => abort.abort(), random() * load.soonMs);
  let left =
    phase === 'behind a token' ? 1 + below(maxTokens) : end ? maxTokens - 1 : Number.POSITIVE_INFINITY;
  try {
    for await (const _ of answer) if (--left === 0) abort.abort();
    counts.finished++;
  } catch (error) {
    if (!isHeadraceError(error) || error.code !== 'HR_CANCELLED') throw error;
    counts.aborted++;
    if (phase !== undefined) aborted[phase] = (aborted[phase] ?? 0) + 1;
  }
}

async function client(): Promise<void> {
  while (counts.started < load.requests) {
    const number = counts.started++;
    await one(number);
    if (number >= load.warmUp && number % load.every === 0)
      memory.push({ requests: number, bytes: process.memoryUsage().rss });
  }
}

// A run that is larger than any that the requests can make: what the runtime sets aside for it is room for all of them.
await engine.logits(Array.from({ length: engine.info.context }, (_, at) => 3 + (at % 100)));
const began = performance.now();
await Promise.all(Array.from({ length: load.atATime }, client));
const seconds = (performance.now() - began) / 1_000;
// What was aborted last is closed with the next step.
while ((await engine.metrics()).running > 0) await new Promise((resolve) => setTimeout(resolve, 10));
const full = await engine.metrics();
await engine.resetPrefixCache();
const reset = await engine.metrics();
process.stdout.write(JSON.stringify({ counts, aborted, memory, full, reset, seconds }));
