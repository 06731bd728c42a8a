/** What is computed: the flights pipeline. */
import {
  approxDistinct,
  avg,
  count,
  days,
  hours,
  micros,
  minutes,
  type Output,
  quantile,
  type SchemaOf,
  type SinkMode,
  sink,
  sliding,
  source,
  t,
  topK,
} from '../../ts/index.ts';
import { KEY_COLUMNS, type Windowing } from './dataset.ts';

/** A flight: its planned departure, how many minutes late it left, how far it went, from where to where. */
const flight = {
  date: t.timestamp(),
  delay: t.i64(),
  distance: t.i64(),
  origin: t.utf8(),
  destination: t.utf8(),
};

/** What is known of the flights in a window. */
const statistics = (f: SchemaOf<typeof flight>) => ({
  flights: count(),
  mean_delay: avg(f.delay),
  p50_delay: quantile(f.delay, 0.5), // t-digest
  p99_delay: quantile(f.delay, 0.99),
  destinations: approxDistinct(f.destination), // HyperLogLog
  busiest: topK(f.destination, 3), // Count-Min and a heap
});

/** The whole job: `file` is replayed at `rate` rows a second, the results are written below `out`. */
export function flightsPipeline(
  file: string,
  out: string,
  windowing: Windowing,
  rate: number | null,
): Output[] {
  const [size, slide] = [micros(windowing.size), micros(windowing.slide)];
  const [lag, lateness] = [micros(windowing.lag), micros(windowing.lateness)];
  const mode: SinkMode = windowing.lateness > 0n ? 'changelog' : 'append';

  const flights = source
    .parquet(file, { schema: flight, ...(rate === null ? {} : { rate }) })
    .inOrderOf((f) => f.date.plus(minutes(f.delay))) // the order in which flights were seen to leave
    .watermark('date', { lag }); // event time is when they should have left

  const delays = flights
    .keyBy(...KEY_COLUMNS[windowing.key])
    .window(sliding({ size, slide }), { late: 'too-late', lateness })
    .aggregate(statistics)
    .uid('delays');

  const network = flights
    .window(sliding({ size: days(1), slide: hours(1) }), { lateness })
    .aggregate(statistics)
    .uid('network');

  return [
    delays.to(sink.parquet(`${out}/windows`, { mode })),
    network.to(sink.parquet(`${out}/network`, { mode })),
    delays.sideOutput('too-late').to(sink.parquet(`${out}/late`)),
  ];
}
