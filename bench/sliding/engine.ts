/** Sliding windows by headrace. */
import type { Table } from 'apache-arrow';
import { type Batch, micros, minutes, run, sink, sliding } from '../../ts/index.ts';
import { flightsStream, flightsTable, totals } from '../lib/flights.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import { timedRun } from '../lib/timed-run.ts';
import type { Question, Sums, Timed } from './question.ts';

const table = await flightsTable();

function windows({ rows, ratio }: Question) {
  return flightsStream(table.slice(0, rows) as Table)
    .keyBy('origin')
    .window(sliding({ size: minutes(ratio), slide: micros(60_000_000n) }))
    .aggregate(totals);
}

serve({
  time: async (question: Question): Promise<Timed> => {
    collectGarbage();
    const { ms, metrics } = await timedRun(windows(question).to(sink.blackhole()));
    return { ms, results: metrics.rowsOut };
  },
  sums: async (question: Question): Promise<Sums> => {
    const sums = { results: 0, flights: 0, total: 0, mean: 0 };
    const add = (batch: Batch) => {
      sums.results += batch.numRows;
      for (const row of batch.rows() as Record<string, unknown>[]) {
        sums.flights += Number(row.flights);
        sums.total += Number(row.total);
        sums.mean += Number(row.mean);
      }
    };
    await (await run(windows(question).to(sink.callback(add)))).done;
    return sums;
  },
});
