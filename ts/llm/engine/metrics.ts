/** How an engine is doing. */
import type { Counters } from '../block-manager.ts';
import type { EngineCore } from './core.ts';

export interface EngineMetrics {
  /** Requests that wait for their first run, and requests that had it. */
  readonly waiting: number;
  readonly running: number;
  /** Blocks of the KV cache, and tokens looked up in, found in, and computed for it. */
  readonly kv: Counters;
  /** Sums since the start. Milliseconds in the model, and in steps outside it. */
  readonly steps: number;
  readonly runs: number;
  /** Runs that failed as a whole; where they had several rows, each was tried alone. */
  readonly failedRuns: number;
  readonly rows: number;
  readonly paddedTokens: number;
  readonly runMs: number;
  readonly ownMs: number;
  /** Of the latter, milliseconds in the scheduler, the block manager and the sampler. */
  readonly schedulingMs: number;
  readonly generated: number;
  readonly preemptions: number;
  readonly finished: number;
  readonly cancelled: number;
  readonly failed: number;
}

export function metricsOf({ requests, blocks, counters }: EngineCore): EngineMetrics {
  const { waiting, size } = requests;
  return { waiting, running: size - waiting, kv: blocks.counters(), ...counters };
}
