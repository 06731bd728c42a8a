/** What an engine has done, in sums since its start. */
import type { Step } from '../runner/runner.ts';

export class CoreCounters {
  steps = 0;
  runs = 0;
  /** Runs that failed as a whole. */
  failedRuns = 0;
  /** Rows, and tokens of rows with padding, of all runs. */
  rows = 0;
  paddedTokens = 0;
  /** Time in the model, and time of our own in steps: scheduling, bookkeeping, copying, choosing, detokenising. */
  runMs = 0;
  ownMs = 0;
  /** Of the latter, time in the scheduler, the block manager and the sampler. */
  schedulingMs = 0;
  generated = 0;
  preemptions = 0;
  finished = 0;
  cancelled = 0;
  failed = 0;

  ran({ rows, width }: Step, ms: number): void {
    this.runs++;
    this.rows += rows;
    this.paddedTokens += rows * width;
    this.runMs += ms;
  }

  stepped(ownMs: number): void {
    this.steps++;
    this.ownMs += ownMs;
  }

  ended(how: 'finish' | 'cancel' | 'fail'): void {
    if (how === 'finish') this.finished++;
    else if (how === 'cancel') this.cancelled++;
    else this.failed++;
  }
}
