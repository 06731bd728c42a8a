/** A job that takes checkpoints and lasts about two seconds unless it is stopped, for failures in its midst. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import {
  at,
  count,
  generate,
  type Job,
  type RunEvent,
  type RunOptions,
  run,
  sink,
  source,
  sum,
  tumbling,
} from '../../ts/index.ts';
import { finished } from '../finished.ts';
import { rowsIn, rowsOfFiles, until } from './support.ts';

const ROWS = 3000;

/** Where a job has its checkpoints and its result. */
export interface Places {
  readonly state: string;
  readonly out: string;
}

/** Both places in one folder. */
export function placesIn(folder: string): Places {
  return { state: path.join(folder, 'state'), out: path.join(folder, 'out') };
}

/** One window for each row, keyed by its number; `rate` slows the job down. */
export function pipeline({ out }: Places, rate?: number) {
  return source
    .generator({
      columns: { id: generate.sequence(), at: generate.timestamp({ start: at('2001-01-01'), step: '1s' }) },
      rows: ROWS,
      ...(rate === undefined ? {} : { rate }),
    })
    .watermark('at', { lag: '10s' })
    .keyBy('id')
    .window(tumbling('1m'))
    .aggregate((f) => ({ n: count(), total: sum(f.id) }))
    .to(sink.parquet(out));
}

/** Small batches and frequent checkpoints. */
export function options({ state }: Places, more: Partial<RunOptions> = {}): RunOptions {
  return { batchRows: 50, checkpoint: { every: '20ms', to: state }, ...more };
}

/** Starts the job, slowed down, and waits until some checkpoints are complete. */
export async function begin(places: Places, checkpoints = 3): Promise<Job> {
  let completed = 0;
  const onEvent = ({ event }: RunEvent) => {
    if (event === 'checkpoint') completed += 1;
  };
  const job = await run(pipeline(places, 1500), options(places, { onEvent }));
  // A failure of the job is told to whoever waits for `done`, which may be later.
  job.done.catch(() => {});
  await until(() => completed >= checkpoints);
  return job;
}

/** Runs the job to its end, and requires that it went on from a checkpoint and left each row exactly once. */
export async function expectResumed(places: Places): Promise<void> {
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => events.push(event);
  await finished(pipeline(places), options(places, { parallelism: 2, onEvent }));
  expect(events[0]).toMatchObject({ event: 'started', restored: { from: 'checkpoint' } });
  await expectComplete(places);
}

/** Requires that the result holds each row exactly once, and that nothing of ours lies beside it. */
export async function expectComplete({ out }: Places): Promise<void> {
  const pending = /^part-[0-9a-f]{8,}-\d+-\d+\.parquet\.pending$/;
  expect((await readdir(out)).filter((name) => pending.test(name))).toEqual([]);
  expect(Math.min(...(await rowsOfFiles(out)))).toBeGreaterThan(0);
  const rows = await rowsIn(out, 'id');
  expect(rows.map(({ id, n, total }) => [Number(id), Number(n), Number(total)])).toEqual(
    Array.from({ length: ROWS }, (_, id) => [id, 1, id]),
  );
}
