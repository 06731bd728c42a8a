/**
 * Sends thousands of requests to an engine and aborts some of them wherever they are; prints what became of them, of the
 * blocks and of the memory. A program of its own, so that only its memory is looked at: `soak-program.ts FILE SEED`.
 */

import { isHeadraceError } from '../../ts/errors.ts';
import { LlmEngine } from '../../ts/llm/engine/llm-engine.ts';
import { seededRandom } from '../../ts/llm/simulator/random.ts';

/**
 * Requests before memory is looked at. The largest runs are among them, and so is the first time that the collector of each
 * thread cleans up what did not die young.
 */
const WARM_UP = 16_000;
const REQUESTS = 26_000;
const AT_A_TIME = 64;
const ABORTED = 0.02;

const [file = '', seed = '1'] = process.argv.slice(2);
await using engine = await LlmEngine.load(file, {
  ...{ cache: `${file}-cache`, threads: 1, kvBlocks: 65, maxNumSeqs: 32, maxQueue: 128 },
});
const random = seededRandom(Number(seed));
const below = (limit: number) => Math.floor(random() * limit);
const counts = { finished: 0, aborted: 0, started: 0 };
const memory: { requests: number; bytes: number }[] = [];

async function one(number: number): Promise<void> {
  const length = 1 + below(number % 10 === 0 ? 200 : 40);
  const prompt = Array.from({ length }, () => 3 + below(number % 3 === 0 ? 4 : 500));
  const maxTokens = 1 + below(Math.min(48, 256 - length));
  // While it still waits, while it may be on its way, or behind any of its tokens.
  const abortAt = random() < ABORTED ? below(maxTokens + 2) - 1 : Number.POSITIVE_INFINITY;
  const abort = new AbortController();
  const answer = engine.complete(prompt, { maxTokens, n: 1 + below(2), seed: number, signal: abort.signal });
  if (abortAt === -1) abort.abort();
  if (abortAt === 0) setTimeout(() => abort.abort(), random() * 3);
  let seen = 0;
  try {
    for await (const _ of answer) if (++seen === abortAt) abort.abort();
    counts.finished++;
  } catch (error) {
    if (!isHeadraceError(error) || error.code !== 'HR_CANCELLED') throw error;
    counts.aborted++;
  }
}

async function client(): Promise<void> {
  while (counts.started < REQUESTS) {
    const number = counts.started++;
    await one(number);
    if (number >= WARM_UP && number % 500 === 0)
      memory.push({ requests: number, bytes: process.memoryUsage().rss });
  }
}

await Promise.all(Array.from({ length: AT_A_TIME }, client));
// What was aborted last is closed with the next step.
while ((await engine.metrics()).running > 0) await new Promise((resolve) => setTimeout(resolve, 10));
const full = await engine.metrics();
await engine.resetPrefixCache();
const reset = await engine.metrics();
process.stdout.write(JSON.stringify({ counts, memory, full, reset }));
