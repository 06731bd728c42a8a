/** Running a job and timing it from the moment its threads start, so that rows in memory are copied before. */
import { type Native, native } from '../../ts/binding.ts';
import type { JobResult } from '../../ts/control/job.ts';
import { start } from '../../ts/control/run.ts';
import type { Output, RunOptions } from '../../ts/index.ts';
import { lower } from '../../ts/plan/lower.ts';

/** A finished job and the time it took. */
export interface TimedResult extends JobResult {
  readonly ms: number;
}

// A job's own `durationMs` begins when `start()` has returned. On a single core the job's threads may have had the core
// for some milliseconds by then.
let startedMs = 0;

class TimedJob extends native.BindingJob {
  override start(manifest: string | null): void {
    startedMs = performance.now();
    super.start(manifest);
  }
}

/** The library with the job that is timed; it is loaded when asked, so it cannot be spread. */
const timed: Native = Object.create(native, { BindingJob: { value: TimedJob } });

/** Runs one job to its end; only one at a time. */
export async function timedRun(output: Output, options: RunOptions = {}): Promise<TimedResult> {
  const job = await start(lower(output), options, timed);
  const result = await job.done;
  return { ...result, ms: performance.now() - startedMs };
}
