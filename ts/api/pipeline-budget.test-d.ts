/** The program whose type instantiations are counted by `pipeline-types.test.ts`: a job of common size. */
import { approxDistinct, avg, count, max, quantile, sum, topK } from './aggregates.ts';
import { hours, minutes } from './duration.ts';
import { coalesce, when } from './functions.ts';
import type { RowOf } from './schema.ts';
import { sink } from './sink.ts';
import { source } from './source.ts';
import { t } from './types.ts';
import { sliding, tumbling } from './window.ts';

// The pipeline.
const flights = source
  .parquet('flights.parquet', {
    schema: {
      date: t.timestamp(),
      delay: t.i64().nullable(),
      distance: t.i64(),
      origin: t.utf8(),
      destination: t.utf8(),
    },
  })
  .withColumns((f) => ({ arrived: f.date.plus(minutes(f.delay)), delay: coalesce(f.delay, 0) }))
  .filter((f) => f.distance.gt(100).and(f.origin.ne(f.destination)))
  .inOrderOf('arrived')
  .watermark('date', { lag: hours(3) });

const delays = flights
  .keyBy('origin', 'destination')
  .window(sliding({ size: hours(1), slide: minutes(10) }), { late: 'too-late' })
  .aggregate((f) => ({
    flights: count(),
    delayed: count().filter(f.delay.gt(15)),
    total: sum(f.delay),
    mean: avg(f.delay),
    p99: quantile(f.delay, 0.99),
    longest: max(f.distance),
    routes: approxDistinct(f.destination),
    busiest: topK(f.destination, 3),
  }));

const network = flights
  .window(tumbling('1d'))
  .aggregate((f) => ({ flights: count(), p50: quantile(f.delay, 0.5), p99: quantile(f.delay, 0.99) }))
  .select((f) => ({ day: f.window_start, flights: f.flights, spread: f.p99.minus(f.p50) }));

const labels = flights
  .map((row) => ({ id: `${row.origin}-${row.date}`, delay: row.delay }), {
    schema: { id: t.utf8(), delay: t.i64() },
  })
  .select((f) => ({ id: f.id, kind: when(f.delay.gt(15)).then('late').otherwise('on time') }));

export const outputs = [
  delays.to(sink.parquet('out/windows')),
  delays.sideOutput('too-late').to(sink.parquet('out/late')),
  network.to(sink.collect()),
  labels.to(sink.callback((batch) => void batch.rows())),
];

export type Delay = RowOf<typeof delays>;
