/**
 * How well the simulator foresees what a trace of arrivals meets on a real engine. In every round, and for each trace, the
 * times of steps are fitted to the engine's own log of some bursts, the trace is simulated with them, and then it is sent: a
 * machine whose speed changes is not told from a simulator that is wrong when it is fitted once only. The weights must be there
 * (`npm run headrace -- model pull smollm2`).
 * `npm run bench -- simulator [--rounds 5] [--threads 2] [--requests 40] [--load 65]`
 */
import os from 'node:os';
import path from 'node:path';
import { modelCache } from '../ts/llm/import/cache.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { summarise } from './lib/statistics.ts';
import { undisturbed } from './lib/undisturbed.ts';
import { foreseen } from './simulator/foreseen.ts';
import { MeasuredEngine } from './simulator/measured-engine.ts';
import { comparison, HEAD } from './simulator/table.ts';
import { arrivals, FITTED, MIX } from './simulator/traces.ts';

const ROUNDS = numberOption('rounds', 5);
const THREADS = numberOption('threads', Math.min(2, os.availableParallelism()));
const REQUESTS = numberOption('requests', 40);
const LOAD = numberOption('load', 65) / 100;

const file = path.join(modelCache(), catalogueEntry('smollm2').file);
await using engine = await MeasuredEngine.load(file, THREADS);
// Warms up, and writes to all of the cache once.
for (const trace of FITTED) await engine.send(trace);

const traces = Object.entries(arrivals(REQUESTS));
const rounds: Record<string, Awaited<ReturnType<typeof foreseen>>[]> = {};
const others: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, trace] of round % 2 === 0 ? traces : traces.toReversed()) {
    const measured = await undisturbed(() => foreseen(trace, engine, LOAD));
    others.push(measured.others);
    rounds[name] = [...(rounds[name] ?? []), measured.value];
  }
}
printTable(
  HEAD,
  traces.flatMap(([name]) => comparison(name, rounds[name] ?? [])),
);
const all = Object.values(rounds).flat();
const part = (of: (one: (typeof all)[number]) => number) =>
  `${(100 * summarise(all.map(of)).median).toFixed(1)} %`;
conclude('simulator', { threads: THREADS, rounds }, [
  `${REQUESTS} requests a trace at ${LOAD * 100} % of what the engine could do by what was fitted just before; prompts of ${MIX.prompt.join('–')} tokens, answers of ${MIX.output.join('–')}, 30 % behind one of two texts of 64 tokens`,
  `medians (least–most) of ${ROUNDS} rounds; the last column is off by how much when the times are fitted to the steps of the trace itself`,
  `a run typically (median) took ${part(({ runOff }) => runOff)} more or less than fitted; our own work was ${part(({ ownShare }) => ownShare)} of the steps`,
  `while requests were sent, other processes used ${others.map((value) => (100 * value).toFixed(0)).join(', ')} % of the cores`,
]);
