/**
 * The part of a step that is not the model: scheduler, block manager and sampler, and with copying, detokenising and handing over.
 * The weights must be there (`npm run headrace -- model pull smollm2`).
 * `npm run bench -- own-share [--rounds 5] [--threads 2]`
 */
import os from 'node:os';
import path from 'node:path';
import { LlmEngine } from '../ts/llm/engine/llm-engine.ts';
import type { GenerateOptions } from '../ts/llm/engine/options.ts';
import { modelCache } from '../ts/llm/import/cache.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { type Summary, spread, summarise } from './lib/statistics.ts';

const ROUNDS = numberOption('rounds', 5);
const THREADS = numberOption('threads', Math.min(2, os.availableParallelism()));
const PROMPT = 128;
const OUTPUT = 64;

const KINDS: Record<string, GenerateOptions> = {
  greedy: { temperature: 0 },
  sampled: { temperature: 0.8, topP: 0.95, seed: 1 },
  'all settings': {
    ...{ temperature: 0.8, topP: 0.95, topK: 50, minP: 0.02, repetitionPenalty: 1.1, presencePenalty: 0.2 },
    ...{ frequencyPenalty: 0.2, logprobs: 5, stop: ['no such text'], seed: 1 },
  },
};

const file = path.join(modelCache(), catalogueEntry('smollm2').file);
/** While idle, the engine has memory found for its cache. */
const IDLE_MS = 4_000;
await using engine = await LlmEngine.load(file, { threads: THREADS, maxNumSeqs: 16 });
const rows: (string | number)[][] = [];
const figures: Record<string, Record<'scheduling' | 'own' | 'step' | 'share' | 'all', Summary>> = {};
let texts = 0;
await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
for (const requests of [1, 8, 16]) {
  for (const [kind, options] of Object.entries(KINDS)) {
    const rounds: Record<'scheduling' | 'own' | 'step' | 'share' | 'all', number>[] = [];
    // The first warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const before = await engine.metrics();
      await Promise.all(
        Array.from({ length: requests }, () => {
          const seed = 100 + texts++ * 7;
          const prompt = Array.from({ length: PROMPT }, (_, at) => 100 + ((seed * (at + 1) * 31) % 40_000));
          return engine.complete(prompt, { ...options, maxTokens: OUTPUT, ignoreEos: true }).text();
        }),
      );
      const after = await engine.metrics();
      const [own, scheduling, run, steps] = (['ownMs', 'schedulingMs', 'runMs', 'steps'] as const).map(
        (name) => after[name] - before[name],
      ) as [number, number, number, number];
      const step = own + run;
      if (round > 0)
        rounds.push({
          ...{ scheduling: scheduling / steps, own: own / steps, step: step / steps },
          ...{ share: (100 * scheduling) / step, all: (100 * own) / step },
        });
    }
    const of = (name: keyof (typeof rounds)[number]) => summarise(rounds.map((round) => round[name]));
    const summary = {
      ...{ scheduling: of('scheduling'), own: of('own'), step: of('step') },
      ...{ share: of('share'), all: of('all') },
    };
    figures[`${requests} ${kind}`] = summary;
    const { scheduling, own, step, share, all } = summary;
    rows.push([
      `${requests}, ${kind}`,
      ...[spread(scheduling, 2), spread(own, 2), spread(step), spread(share, 1), spread(all, 1)],
    ]);
  }
}
printTable(
  [
    'requests at a time',
    ...['scheduler, block manager, sampler: ms a step', 'all outside the model: ms a step'],
    ...['step, ms', 'the former, % of it', 'the latter, % of it'],
  ],
  rows,
);
conclude('own-share', { threads: THREADS, figures }, [
  `prompts of ${PROMPT} tokens and answers of ${OUTPUT}; medians of ${ROUNDS} rounds; ${THREADS} threads`,
]);
