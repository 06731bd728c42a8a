/**
 * A process in which an operator of one job panics, if HEADRACE_PANIC_IN is its uid, while another job runs; then comes
 * a third. Prints how they ended.
 */
import {
  count,
  generate,
  isHeadraceError,
  type JobResult,
  micros,
  run,
  sink,
  source,
  tumbling,
} from '../../ts/index.ts';

/** How the jobs ended: with how many rows, or with which error. */
export interface Endings {
  readonly broken: unknown;
  readonly beside: number | undefined;
  readonly after: number | undefined;
  readonly threads: number;
}

const ROWS = 3000;

function job(name: string, rate?: number) {
  const columns = { id: generate.sequence(), at: generate.timestamp({ start: 0n, step: '1us' }) };
  return source
    .generator({ columns, rows: ROWS, ...(rate === undefined ? {} : { rate }) })
    .filter((f) => f.id.ge(0n))
    .uid(`${name}-filter`)
    .watermark('at', { lag: micros(0) })
    .uid(`${name}-watermark`)
    .keyBy('id')
    .window(tumbling(micros(100)))
    .aggregate(() => ({ n: count() }))
    .uid(`${name}-window`)
    .to(sink.blackhole());
}

const rowsOf = ({ outcome, metrics }: JobResult) => (outcome === 'finished' ? metrics.rowsOut : undefined);

const beside = await run(job('beside', ROWS), { parallelism: 2, batchRows: 50 });
const brokenJob = await run(job('broken'), { parallelism: 2, batchRows: 50 });
const broken = await brokenJob.done.then(rowsOf, (error: unknown) =>
  isHeadraceError(error) ? error.toJSON() : String(error),
);
const endings: Endings = {
  broken,
  beside: rowsOf(await beside.done),
  after: rowsOf(await (await run(job('after'), { parallelism: 2 })).done),
  threads: brokenJob.metrics().threads,
};
process.stdout.write(JSON.stringify(endings));
