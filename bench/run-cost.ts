/**
 * What runs of SmolLM2-135M cost, how well the scheduler's four coefficients say so, and by how much one long row slows seven
 * short ones. The weights must be there
 * (`npm run headrace -- model pull smollm2`). `npm run bench -- run-cost [--rounds 5] [--threads 2]`
 */
import os from 'node:os';
import path from 'node:path';
import { RUN_CELLS_MAX } from '../ts/llm/engine/engine-options.ts';
import { modelCache } from '../ts/llm/import/cache.ts';
import { BLOCK_TOKENS } from '../ts/llm/import/shape.ts';
import { Model } from '../ts/llm/model.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { costOf, fitRunCost, runCost } from '../ts/llm/scheduler/cost.ts';
import { group, type Row } from '../ts/llm/scheduler/group.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { measureRun, measureRuns, RUN_SIZES, type RunSize, writtenPool } from './lib/run-samples.ts';
import { alternate, ratios, spread, summarise } from './lib/statistics.ts';

const ROUNDS = numberOption('rounds', 5);
const THREADS = numberOption('threads', Math.min(2, os.availableParallelism()));

const file = path.join(modelCache(), catalogueEntry('smollm2').file);
await using model = await Model.load(file, { threads: THREADS });
const samples = await measureRuns(model.runner, RUN_SIZES, ROUNDS);
const coefficients = fitRunCost(samples);
const fitted = runCost(coefficients);
const guessed = costOf(model.shape);

const off = (cost: typeof fitted) =>
  samples.map(({ rows, width, context, ms }) => 100 * (cost(rows, width, context) / ms - 1));
const [residuals, guesses] = [off(fitted), off(guessed)];
const percent = (value = Number.NaN) => `${value < 0 ? '' : '+'}${value.toFixed(0)} %`;
printTable(
  ['rows × width × context', 'ms', 'fitted, off by', 'guessed, off by'],
  samples.map(({ rows, width, context, ms }, at) => [
    `${rows} × ${width} × ${context}`,
    ms.toFixed(1),
    percent(residuals[at]),
    percent(guesses[at]),
  ]),
);
// A step of seven rows with 128 tokens each, and of eight with one of 4,096 tokens among them.
const rows = Array.from({ length: 8 }, (_, at) => ({ sequence: at, start: at === 3 ? 4095 : 127, count: 1 }));
const planned = group(rows, { blockTokens: BLOCK_TOKENS, maxRunCells: RUN_CELLS_MAX }, guessed);
const pool = writtenPool(model.runner);
const sum = async (sizes: readonly RunSize[]) => {
  let ms = 0;
  for (const size of sizes) ms += await measureRun(model.runner, pool, size);
  return ms;
};
const short = { rows: 7, width: 1, context: 128 };
const steps = await alternate(
  {
    alone: () => sum([short]),
    planned: () =>
      sum(
        planned.map((run) => {
          const start = Math.max(...run.map(({ sequence }) => (rows[sequence] as Row).start));
          return { rows: run.length, width: 1, context: start + 1 };
        }),
      ),
    padded: () => sum([{ rows: 8, width: 1, context: 4096 }]),
  },
  ROUNDS,
);
console.log();
printTable(
  ['a step of', 'ms', 'times the first'],
  [
    ['7 × 128', spread(steps.alone), 1],
    [
      '7 × 128 and 1 × 4,096, as planned',
      spread(steps.planned),
      spread(ratios(steps.planned, steps.alone), 2),
    ],
    ['7 × 128 and 1 × 4,096, padded', spread(steps.padded), spread(ratios(steps.padded, steps.alone), 2)],
  ],
);
const typical = (residuals: number[]) => summarise(residuals.map(Math.abs)).median.toFixed(1);
conclude('run-cost', { threads: THREADS, samples, coefficients, steps }, [
  `the least of ${ROUNDS} rounds after one to warm up; ${THREADS} threads; one token scored for each row`,
  `the step of eight is planned as runs of ${planned.map((run) => run.length).join(' and ')} rows; medians of ${ROUNDS} rounds`,
  `ms: ${JSON.stringify(coefficients)}`,
  `typically (median) off by ${typical(residuals)} % as fitted, ${typical(guesses)} % as guessed from the model's sizes`,
]);
