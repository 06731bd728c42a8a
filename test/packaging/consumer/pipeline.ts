// A pipeline as a user writes it, with the installed package. Checked by tsc, run by Node and by the command line.
import { count, hours, sink, source, sum, t, tumbling } from 'headrace';

const rows = Array.from({ length: 1_000 }, (_, i) => ({
  sensor: i % 3 === 0 ? 'a' : 'b',
  at: BigInt(i) * 60_000_000n,
  value: BigInt(i),
}));

export const totals = source
  .rows(rows, { schema: { sensor: t.utf8(), at: t.timestamp(), value: t.i64() } })
  .watermark('at', { lag: hours(1) })
  .keyBy('sensor')
  .window(tumbling(hours(1)))
  .aggregate((row) => ({ readings: count(), total: sum(row.value) }));

export const collected = totals.to(sink.collect());

// The types arrive with the package: a column that is not there does not compile.
// @ts-expect-error
export const misspelt = () => totals.select((row) => ({ wrong: row.totl }));

export default [collected];
