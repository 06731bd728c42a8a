/** Starting the flights job in this process. */
import path from 'node:path';
import { type Job, type RunEvent, run } from '../../ts/index.ts';
import type { Windowing } from './dataset.ts';
import { flightsPipeline } from './pipeline.ts';

/** How the job is run. */
export interface JobSettings {
  /** The Parquet file to replay. */
  readonly source: string;
  readonly out: string;
  readonly windowing: Windowing;
  readonly parallelism: number;
  readonly batchRows: number;
  /** Rows per second, or null for as fast as possible. */
  readonly rate: number | null;
  /** Time between two checkpoints, or null for none; ms. */
  readonly checkpointMs: number | null;
  /** Whether to discard an earlier checkpoint. */
  readonly fresh: boolean;
}

/** Starts the job; with checkpoints it goes on from what lies in `<out>/checkpoints`. Rejects like headrace's `run`. */
export function startJob(settings: JobSettings, onEvent?: (event: RunEvent) => void): Promise<Job> {
  const { source, out, windowing, rate, parallelism, batchRows, checkpointMs, fresh } = settings;
  return run(flightsPipeline(source, out, windowing, rate), {
    name: 'flights',
    parallelism,
    batchRows,
    ...(checkpointMs === null
      ? {}
      : { checkpoint: { every: checkpointMs, to: path.join(out, 'checkpoints'), fresh } }),
    ...(onEvent === undefined ? {} : { onEvent }),
  });
}
