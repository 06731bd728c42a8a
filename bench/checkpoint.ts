/**
 * What a checkpoint every second costs: the same aggregation with and without, in alternation, for at least ten seconds
 * each. `npm run bench -- checkpoint [--rounds 5] [--seconds 10]`
 */
import type { Question, Timed } from './checkpoint/engine.ts';
import { startPeer } from './lib/peer.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { ratios, spread, summarise } from './lib/statistics.ts';

const ROUNDS = numberOption('rounds', 5);
const SECONDS = numberOption('seconds', 10);
const EVERY_MS = 1000;
const TRIAL_ROWS = 20_000_000;

await using engine = startPeer(new URL('./checkpoint/engine.ts', import.meta.url), '0,1');
const time = (question: Question) => engine.call<Timed>('time', question);

await time({ rows: TRIAL_ROWS, everyMs: null });
const trial = await time({ rows: TRIAL_ROWS, everyMs: null });
// A tenth more, because a later run may be faster than the trial.
const rows = Math.ceil((TRIAL_ROWS * SECONDS * 1.1 * 1000) / trial.ms);

const without: Timed[] = [];
const every: Timed[] = [];
for (let round = 0; round < ROUNDS; round++) {
  without.push(await time({ rows, everyMs: null }));
  every.push(await time({ rows, everyMs: EVERY_MS }));
}
const results = new Set([...without, ...every].map((timed) => timed.rowsOut));
if (results.size !== 1) throw new Error(`The number of results depends on checkpoints: ${[...results]}`);

const seconds = (timed: Timed[]) => summarise(timed.map(({ ms }) => ms / 1000));
const cpuSeconds = (timed: Timed[]) => summarise(timed.map(({ cpuMs }) => cpuMs / 1000));
const percent = (over: Timed[], under: Timed[], figure: typeof seconds) =>
  summarise(ratios(figure(over), figure(under)).samples.map((ratio) => (ratio - 1) * 100));
const completed = summarise(every.map(({ checkpoints }) => checkpoints));
const bytes = summarise(every.map(({ bytesMax }) => bytesMax));
const cost = { clock: percent(every, without, seconds), cpu: percent(every, without, cpuSeconds) };

printTable(
  ['', 'seconds', 'CPU seconds', 'checkpoints'],
  [
    ['without', spread(seconds(without), 2), spread(cpuSeconds(without), 2), 0],
    ['one every second', spread(seconds(every), 2), spread(cpuSeconds(every), 2), spread(completed, 0)],
    ['cost in %', spread(cost.clock, 2), spread(cost.cpu, 2), ''],
  ],
);
conclude('checkpoint', { rows, cost, without, every }, [
  `median (least–most) of ${ROUNDS} pairs, one after the other; ${rows} generated rows, 229 keys, tumbling 1 h`,
  `the largest checkpoint of a run wrote ${spread(bytes, 0)} bytes; parallelism 1, two cores, because the background writer`,
  '  has a thread of its own; what it does there shows in the CPU seconds',
]);
