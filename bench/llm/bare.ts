/** A run of the model and nothing around it: what an engine cannot be faster than. */
import { Model } from '../../ts/llm/model.ts';
import type { KvPool } from '../../ts/llm/runner/runner.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { measureRun, RUN_BLOCKS, type RunSize } from '../lib/run-samples.ts';
import type { Setup } from './question.ts';

let model: Model;
let pool: KvPool;

serve({
  load: async ({ file, threads }: Setup): Promise<void> => {
    model = await Model.load(file, { threads });
    pool = model.runner.pool(RUN_BLOCKS);
  },
  /** Milliseconds of one run. */
  run: (size: RunSize): Promise<number> => {
    collectGarbage();
    return measureRun(model.runner, pool, size);
  },
});
