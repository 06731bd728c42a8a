/** A generated stream of flights-like rows, for runs longer than the flights last or with several partitions. */
import { avg, count, generate, hours, type Output, sink, source, sum, tumbling } from '../../ts/index.ts';
import { NO_ROW_LATE } from './flights.ts';

const ORIGINS = Array.from({ length: 229 }, (_, index) => `A${String(index).padStart(2, '0')}`);

function generated(rows: number) {
  return source.generator({
    rows,
    partitions: 2,
    seed: 1,
    columns: {
      // 1,800 rows an hour of event time, in disorder of up to three hours: a result for every eight rows.
      date: generate.timestamp({ start: new Date('2001-01-01'), step: '2s', jitter: '3h' }),
      delay: generate.integer({ min: -60, max: 600 }),
      origin: generate.choice(ORIGINS),
    },
  });
}

/** Only the rows. */
export function rowsAlone(rows: number): Output {
  return generated(rows).to(sink.blackhole());
}

/** The rows, aggregated by origin and hour; with the lag of the flights, so that as many hours are open. */
export function aggregated(rows: number): Output {
  return generated(rows)
    .watermark('date', { lag: NO_ROW_LATE })
    .keyBy('origin')
    .window(tumbling(hours(1)))
    .aggregate((f) => ({ flights: count(), total: sum(f.delay), mean: avg(f.delay) }))
    .to(sink.blackhole());
}
