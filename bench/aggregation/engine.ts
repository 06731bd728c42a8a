/** The aggregation by headrace: the whole engine, row watermarks included. */
import { type RecordBatch, Table } from 'apache-arrow';
import { type Batch, hours, run, sink, source, t, tumbling } from '../../ts/index.ts';
import { type Digest, digest, type Group } from '../lib/digest.ts';
import { flightColumns, flightsStream, flightsTable, NO_ROW_LATE, totals } from '../lib/flights.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { timedRun } from '../lib/timed-run.ts';

const table = await flightsTable();
const hourlyOf = (flights: ReturnType<typeof flightsStream>) =>
  flights
    .keyBy('origin')
    .window(tumbling(hours(1)))
    .aggregate(totals);
const hourly = hourlyOf(flightsStream(table));
const timed = hourly.to(sink.blackhole());

// The same rows, with the airports in a dictionary.
const encodedColumns = { ...flightColumns, origin: t.dictionary() };
const encodedHourly = hourlyOf(
  source.table(await encoded(), { schema: encodedColumns }).watermark('date', { lag: NO_ROW_LATE }),
);
const encodedTimed = encodedHourly.to(sink.blackhole());

// Done once, so that what is copied for each job is dictionaries.
async function encoded(): Promise<Table> {
  const batches: RecordBatch[] = [];
  const keep = (batch: Batch) => void batches.push(batch.toArrow());
  const job = await run(source.table(table, { schema: encodedColumns }).to(sink.callback(keep)));
  await job.done;
  return new Table(batches);
}

async function results(hourly: ReturnType<typeof hourlyOf>): Promise<Digest> {
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
  results: () => results(hourly),
  resultsEncoded: () => results(encodedHourly),
  // Rows in memory are copied when a job is created; only what follows is timed.
  time: async (): Promise<number> => {
    collectGarbage();
    return (await timedRun(timed)).ms;
  },
  timeEncoded: async (): Promise<number> => {
    collectGarbage();
    return (await timedRun(encodedTimed)).ms;
  },
  // The same with the copy.
  timeWithCopy: async (): Promise<number> => {
    collectGarbage();
    const begin = performance.now();
    await (await run(timed)).done;
    return performance.now() - begin;
  },
});
