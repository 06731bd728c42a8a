/**
 * The flights aggregation from memory, tumbling 1 h by origin: headrace, DuckDB and plain JavaScript on one core each,
 * in alternation. `npm run bench -- aggregation [--rounds 7]`
 */
import type { Digest } from './lib/digest.ts';
import { startPeer } from './lib/peer.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { alternate, converted, ratios, spread } from './lib/statistics.ts';

const ROUNDS = numberOption('rounds', 7);
const CORE = '0';

await using engine = startPeer(new URL('./aggregation/engine.ts', import.meta.url), CORE);
await using duckdb = startPeer(new URL('./aggregation/duckdb.ts', import.meta.url), CORE);
await using javascript = startPeer(new URL('./aggregation/javascript.ts', import.meta.url), CORE);

const rows = await engine.call<number>('rows');
const expected = await duckdb.call<Digest>('results');
for (const found of [
  await engine.call<Digest>('results'),
  await engine.call<Digest>('resultsEncoded'),
  await duckdb.call<Digest>('resultsEnum'),
  await javascript.call<Digest>('results'),
  await javascript.call<Digest>('resultsByText'),
]) {
  if (found.sha256 !== expected.sha256) {
    throw new Error(
      `The results differ: ${JSON.stringify(found)} against ${JSON.stringify(expected)} by DuckDB.`,
    );
  }
}
console.log(`All results are equal: ${expected.groups} groups of ${rows} rows, SHA-256 ${expected.sha256}\n`);

const times = await alternate(
  {
    headrace: () => engine.call<number>('time'),
    'DuckDB, VARCHAR': () => duckdb.call<number>('time'),
    'JavaScript, Map by number': () => javascript.call<number>('time'),
    'JavaScript, Map by text': () => javascript.call<number>('timeByText'),
    'headrace, dictionary': () => engine.call<number>('timeEncoded'),
    'DuckDB, ENUM': () => duckdb.call<number>('timeEnum'),
    'headrace with the copy of its input': () => engine.call<number>('timeWithCopy'),
  },
  ROUNDS,
);

const own = times.headrace;
printTable(
  ['', 'Mrow/s', 'ns/row', 'time ÷ headrace’s', 'time ÷ headrace’s on a dictionary'],
  Object.entries(times).map(([name, ms]) => [
    name,
    spread(converted(ms, (value) => rows / value / 1000)),
    spread(converted(ms, (value) => (value * 1e6) / rows)),
    spread(ratios(ms, own), 2),
    spread(ratios(ms, times['headrace, dictionary']), 2),
  ]),
);
conclude('aggregation', { rows, groups: expected.groups, milliseconds: times }, [
  `median (least–most) of ${ROUNDS} rounds after one to warm up; one core each, the same core, one at a time`,
  'count, sum and avg of the delay by origin and hour, to a sink that counts; lag 28 h, so that no row is late',
  'the same types on both sides: VARCHAR against utf8, ENUM against a dictionary of 32-bit places',
  'rows in memory are copied into the engine when a job is created; the last line includes that copy',
]);
