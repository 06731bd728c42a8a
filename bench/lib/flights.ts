/** The flights in memory, in the order in which they were seen, and what is computed from them. */
import { type RecordBatch, Table } from 'apache-arrow';
import { flightsFile } from '../../examples/flights/dataset.ts';
import {
  avg,
  type Batch,
  count,
  hours,
  minutes,
  run,
  type SchemaOf,
  type Stream,
  sink,
  source,
  sum,
  t,
} from '../../ts/index.ts';

/** The columns that the benchmarks use. */
export const flightColumns = { date: t.timestamp(), delay: t.i64(), origin: t.utf8() };

/** As SQL: the same rows, order and types. */
export const FLIGHTS_SQL = `SELECT date, delay, origin FROM read_parquet('${flightsFile()}', file_row_number = true)
  ORDER BY epoch_us(date) + delay * 60000000, file_row_number`;

/** The largest step back of event time in the flights is 27 h 43 min, so no row is late at this lag. */
export const NO_ROW_LATE = hours(28);

/** All flights as an Arrow table of several batches. */
export async function flightsTable(): Promise<Table> {
  const batches: RecordBatch[] = [];
  const keep = (batch: Batch) => void batches.push(batch.toArrow());
  const seen = source
    .parquet(flightsFile(), { schema: flightColumns })
    .inOrderOf((f) => f.date.plus(minutes(f.delay)));
  const job = await run(seen.to(sink.callback(keep)));
  await job.done;
  return new Table(batches);
}

/** A table as a stream with event time. */
export function flightsStream(table: Table): Stream<SchemaOf<typeof flightColumns>, 'date'> {
  return source.table(table, { schema: flightColumns }).watermark('date', { lag: NO_ROW_LATE });
}

/** What is known of the flights in a window. */
export const totals = (f: SchemaOf<typeof flightColumns>) => ({
  flights: count(),
  total: sum(f.delay),
  mean: avg(f.delay),
});
