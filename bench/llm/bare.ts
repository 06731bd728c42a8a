/** A run of the model and nothing around it: what an engine cannot be faster than. */
import { Model } from '../../ts/llm/model.ts';
import type { KvPool } from '../../ts/llm/runner/runner.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { measureRun, type RunSize, writtenPool } from '../lib/run-samples.ts';
import type { Setup } from './question.ts';

/** Runs one behind the other, of which the last is the one that is timed. */
export type RunSizes = readonly [...before: RunSize[], timed: RunSize];

let model: Model;
let pool: KvPool;

serve({
  load: async ({ file, threads }: Setup): Promise<void> => {
    model = await Model.load(file, { threads });
    pool = writtenPool(model.runner);
  },
  /** Milliseconds of the last run. The others are there because a model that has rested is slower at first: half as slow again. */
  run: async (sizes: RunSizes): Promise<number> => {
    for (const size of sizes.slice(0, -1)) await measureRun(model.runner, pool, size);
    collectGarbage();
    return measureRun(model.runner, pool, sizes.at(-1) as RunSize);
  },
});
