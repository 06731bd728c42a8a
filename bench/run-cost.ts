/**
 * What runs of SmolLM2-135M cost, and how well the scheduler's four coefficients say so. The weights must be there
 * (`npm run headrace -- model pull smollm2`). `npm run bench -- run-cost [--rounds 5] [--threads 2]`
 */
import os from 'node:os';
import path from 'node:path';
import { modelCache } from '../ts/llm/import/cache.ts';
import { Model } from '../ts/llm/model.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { costOf, fitRunCost, runCost } from '../ts/llm/scheduler/cost.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { measureRuns, RUN_SIZES } from './lib/run-samples.ts';
import { summarise } from './lib/statistics.ts';

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
const typical = (residuals: number[]) => summarise(residuals.map(Math.abs)).median.toFixed(1);
conclude('run-cost', { threads: THREADS, samples, coefficients }, [
  `the least of ${ROUNDS} rounds after one to warm up; ${THREADS} threads; one token scored for each row`,
  `ms: ${JSON.stringify(coefficients)}`,
  `typically (median) off by ${typical(residuals)} % as fitted, ${typical(guesses)} % as guessed from the model's sizes`,
]);
