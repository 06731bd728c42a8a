/**
 * What the thread of the caller has to do at a time, and how long it is held up, while eight answers are streamed through the
 * engine and the fetch handler, with short prompts and with long ones. The weights must be there (`npm run headrace -- model pull smollm2`).
 * `npm run bench -- main-thread [--rounds 3]`
 */
import path from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { LlmEngine } from '../ts/llm/engine/llm-engine.ts';
import { modelCache } from '../ts/llm/import/cache.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { createFetchHandler } from '../ts/serve/fetch-handler.ts';
import { cpuOfTurns } from './lib/loop-turns.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { spread, summarise } from './lib/statistics.ts';
import { undisturbed } from './lib/undisturbed.ts';

const ROUNDS = numberOption('rounds', 3);
const REQUESTS = 8;
const OUTPUT = 32;
/** The histogram is filled by a timer of so many milliseconds; what it is late by is how long the thread was held up. */
const RESOLUTION_MS = 1;

const file = path.join(modelCache(), catalogueEntry('smollm2').file);
// One thread for the model, so that the caller's has a core.
await using engine = await LlmEngine.load(file, { threads: 1, maxNumSeqs: REQUESTS });
const handler = createFetchHandler(engine, { servedModelName: 'smollm2' });

async function streamed(content: string): Promise<number> {
  const body = {
    model: 'smollm2',
    messages: [{ role: 'user', content }],
    max_tokens: OUTPUT,
    ignore_eos: true,
  };
  const response = await handler(
    new Request('http://localhost/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true, temperature: 0 }),
    }),
  );
  let chunks = 0;
  for await (const _ of response.body as ReadableStream<Uint8Array>) chunks++;
  return chunks;
}

const stream = async (letters: number, name: string) => {
  const chunks = await Promise.all(
    Array.from({ length: REQUESTS }, (_, at) =>
      streamed(`${name} ${at} ${'some words '.repeat(letters / 11)}`),
    ),
  );
  if (Math.min(...chunks) < OUTPUT / 2) throw new Error(`An answer has ${Math.min(...chunks)} chunks.`);
};

/** The same twice: the turns of the loop, which then never rests, and a loop that rests. */
async function round(letters: number, name: string) {
  const turns = await cpuOfTurns(() => stream(letters, `turns, ${name}`));
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const before = performance.eventLoopUtilization();
  delay.enable();
  await stream(letters, `delay, ${name}`);
  delay.disable();
  return {
    turn: Math.max(0, ...turns),
    late: delay.max / 1e6 - RESOLUTION_MS,
    busy: 100 * performance.eventLoopUtilization(before).utilization,
  };
}

await round(100, 'warm up');
const cells: (string | number)[][] = [];
const figures: Record<string, unknown> = {};
const others: number[] = [];
for (const letters of [100, 2_200]) {
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  for (let at = 0; at < ROUNDS; at++) {
    const measured = await undisturbed(() => round(letters, `round ${at} of ${letters}`));
    rounds.push(measured.value);
    others.push(measured.others);
  }
  figures[letters] = rounds;
  const of = (name: 'turn' | 'late' | 'busy') => spread(summarise(rounds.map((one) => one[name])));
  cells.push([`8 prompts of ${letters} letters`, of('turn'), of('late'), of('busy')]);
}
printTable(['', 'longest turn, ms of CPU', 'timer late, ms', 'thread busy, %'], cells);
conclude('main-thread', { figures }, [
  `${REQUESTS} streams of ${OUTPUT} tokens at once through the fetch handler; one thread for the model; medians (least–most) of ${ROUNDS} rounds after one to warm up`,
  'a turn of the event loop is one task or several, garbage collection included; so no task has more of the CPU than the longest turn',
  'the longest that a timer of 1 ms was late: turns, and what else kept the thread from running, such as the model and other machines',
  `other processes used ${others.map((part) => (100 * part).toFixed(0)).join(', ')} % of the cores`,
]);
