/**
 * The part of a step that is not the model: scheduler, block manager, copying, choosing, detokenising. The weights must be there
 * (`npm run headrace -- model pull smollm2`). `npm run bench -- own-share [--rounds 5] [--threads 2]`
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
await using engine = await LlmEngine.load(file, { threads: THREADS, maxNumSeqs: 16 });
const rows: (string | number)[][] = [];
const figures: Record<string, { own: Summary; step: Summary; share: Summary }> = {};
let texts = 0;
for (const requests of [1, 8, 16]) {
  for (const [kind, options] of Object.entries(KINDS)) {
    const rounds: { own: number; step: number; share: number }[] = [];
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
      const [own, run, steps] = (['ownMs', 'runMs', 'steps'] as const).map(
        (name) => after[name] - before[name],
      ) as [number, number, number];
      if (round > 0)
        rounds.push({ own: own / steps, step: (own + run) / steps, share: (100 * own) / (own + run) });
    }
    const of = (name: 'own' | 'step' | 'share') => summarise(rounds.map((round) => round[name]));
    const [own, step, share] = [of('own'), of('step'), of('share')];
    figures[`${requests} ${kind}`] = { own, step, share };
    rows.push([`${requests}, ${kind}`, spread(own, 2), spread(step), spread(share)]);
  }
}
printTable(['requests at a time', 'own, ms a step', 'step, ms', 'own, % of it'], rows);
conclude('own-share', { threads: THREADS, figures }, [
  `prompts of ${PROMPT} tokens and answers of ${OUTPUT}; medians of ${ROUNDS} rounds; ${THREADS} threads`,
]);
