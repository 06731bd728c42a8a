/**
 * Two generator partitions and the aggregation at parallelism 1 on one core and at parallelism 2 on two, and what the
 * exchange between them costs. `npm run bench -- scaling [--rows 20000000]`
 */
import { startPeer } from './lib/peer.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { ratios, type Summary, spread, summarise } from './lib/statistics.ts';
import type { Question, Timed } from './scaling/engine.ts';

const ROWS = numberOption('rows', 20_000_000);
const ROUNDS = numberOption('rounds', 7);

const file = new URL('./scaling/engine.ts', import.meta.url);
await using one = startPeer(file, '0');
await using two = startPeer(file, '0,1');

const cases = {
  'aggregation, 1 core': { peer: one, parallelism: 1, aggregate: true },
  'aggregation, 2 cores': { peer: two, parallelism: 2, aggregate: true },
  'generator alone, 1 core': { peer: one, parallelism: 1, aggregate: false },
  'generator alone, 2 cores': { peer: two, parallelism: 2, aggregate: false },
} as const;
type Name = keyof typeof cases;
const names = Object.keys(cases) as Name[];

const wall = new Map<Name, number[]>(names.map((name) => [name, []]));
const cpu = new Map<Name, number[]>(names.map((name) => [name, []]));
const results = new Set<number>();
for (let round = 0; round <= ROUNDS; round++) {
  for (const name of round % 2 === 0 ? names : names.toReversed()) {
    const { peer, parallelism, aggregate } = cases[name];
    const question: Question = { rows: ROWS, parallelism, aggregate };
    const timed = await peer.call<Timed>('time', question);
    if (aggregate) results.add(timed.rowsOut);
    // The first round warms up.
    if (round === 0) continue;
    wall.get(name)?.push((timed.ms * 1e6) / ROWS);
    cpu.get(name)?.push((timed.cpuMs * 1e6) / ROWS);
  }
}
if (results.size !== 1) throw new Error(`The number of results depends on the parallelism: ${[...results]}`);

const of = (figures: Map<Name, number[]>, name: Name): Summary => summarise(figures.get(name) ?? []);
printTable(
  ['', 'ns/row', 'CPU ns/row'],
  names.map((name) => [name, spread(of(wall, name)), spread(of(cpu, name))]),
);
const speedUp = ratios(of(wall, 'aggregation, 1 core'), of(wall, 'aggregation, 2 cores'));
const [cpuOne, cpuTwo] = [of(cpu, 'aggregation, 1 core'), of(cpu, 'aggregation, 2 cores')];
const exchange = summarise(
  cpuTwo.samples.map((value, index) => value - (cpuOne.samples[index] ?? Number.NaN)),
);
const bound = (2 * cpuOne.median) / cpuTwo.median;
const figures = {
  rows: ROWS,
  speedUp,
  speedUpBound: bound,
  exchangeNsPerRow: exchange,
  wall: Object.fromEntries(names.map((name) => [name, of(wall, name)])),
  cpu: Object.fromEntries(names.map((name) => [name, of(cpu, name)])),
};
conclude('scaling', figures, [
  `speed-up: ${spread(speedUp, 2)}; with both cores to itself at most ${bound.toFixed(2)}, going by the CPU time`,
  `exchange: ${spread(exchange)} ns/row, the CPU time at parallelism 2 above that at parallelism 1`,
  `median (least–most) of ${ROUNDS} rounds in alternation after one to warm up`,
  `${ROWS} rows, 229 keys, tumbling 1 h, count, sum and avg; the rows are generated while they are aggregated, because`,
  '  rows in memory are one partition; the generator is part of both sides, and its own share is in the table',
  'CPU time includes the main thread, which sleeps',
]);
