/** The aggregation by headrace: the whole engine, row watermarks included. */
import { type Batch, hours, run, sink, tumbling } from '../../ts/index.ts';
import { type Digest, digest, type Group } from '../lib/digest.ts';
import { flightsStream, flightsTable, totals } from '../lib/flights.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { timedRun } from '../lib/timed-run.ts';

const table = await flightsTable();
const hourly = flightsStream(table)
  .keyBy('origin')
  .window(tumbling(hours(1)))
  .aggregate(totals);
const timed = hourly.to(sink.blackhole());

async function results(): Promise<Digest> {
  const groups: Group[] = [];
  const collect = (batch: Batch) => {
    for (const row of batch.rows() as Record<string, unknown>[]) {
      const origin = String(row.origin);
      const start = Number(row.window_start);
      groups.push({
        origin,
        start,
        flights: Number(row.flights),
        total: Number(row.total),
        mean: Number(row.mean),
      });
    }
  };
  const job = await run(hourly.to(sink.callback(collect)));
  const { metrics } = await job.done;
  if (metrics.rowsLate > 0) throw new Error(`${metrics.rowsLate} rows were late; all must count.`);
  return digest(groups);
}

serve({
  rows: () => table.numRows,
  results,
  // Rows in memory are copied when a job is created; only what follows is timed.
  time: async (): Promise<number> => {
    collectGarbage();
    return (await timedRun(timed)).ms;
  },
  // The same with the copy.
  timeWithCopy: async (): Promise<number> => {
    collectGarbage();
    const begin = performance.now();
    await (await run(timed)).done;
    return performance.now() - begin;
  },
});
