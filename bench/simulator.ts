/**
 * How well the simulator foresees what a trace of arrivals meets on a real engine: the times of steps are fitted to the
 * engine's own log in this process, and then each trace is simulated and sent. The weights must be there
 * (`npm run headrace -- model pull smollm2`).
 * `npm run bench -- simulator [--rounds 3] [--threads 2] [--requests 40] [--load 65]`
 */
import os from 'node:os';
import path from 'node:path';
import type { EngineEvent } from '../ts/llm/engine/engine-event.ts';
import { limitsOf } from '../ts/llm/engine/engine-options.ts';
import { LlmEngine } from '../ts/llm/engine/llm-engine.ts';
import { modelCache } from '../ts/llm/import/cache.ts';
import { importModel } from '../ts/llm/import/import-model.ts';
import { catalogueEntry } from '../ts/llm/pull/pull.ts';
import { costOf, runCost } from '../ts/llm/scheduler/cost.ts';
import { type ArrivalTrace, stretched } from '../ts/llm/simulator/arrival-trace.ts';
import { latenciesOf } from '../ts/llm/simulator/latencies.ts';
import { burstTrace, poissonTrace, type RequestMix } from '../ts/llm/simulator/random-trace.ts';
import { replay } from '../ts/llm/simulator/replay.ts';
import { type SimulatedEngine, simulate } from '../ts/llm/simulator/simulate.ts';
import { fitStepTimes, ownTime, runSamples } from '../ts/llm/simulator/step-times.ts';
import { conclude, numberOption, printTable } from './lib/report.ts';
import { summarise } from './lib/statistics.ts';
import { undisturbed } from './lib/undisturbed.ts';

const ROUNDS = numberOption('rounds', 3);
const THREADS = numberOption('threads', Math.min(2, os.availableParallelism()));
const REQUESTS = numberOption('requests', 40);
const LOAD = numberOption('load', 65) / 100;

const MIX: RequestMix = {
  ...{ prompt: [16, 160], output: [16, 48], shared: { part: 0.3, texts: 2, tokens: 64 } },
};
const OPTIONS = { threads: THREADS, kvBlocks: 1_025, maxNumSeqs: 16, maxQueue: 1_000 };

const file = path.join(modelCache(), catalogueEntry('smollm2').file);
const { shape } = importModel(file);
let events: EngineEvent[] = [];
await using engine = await LlmEngine.load(file, { ...OPTIONS, onEvent: (event) => void events.push(event) });

/** Sends a trace to an engine that has nothing cached. */
const sent = (trace: ArrivalTrace) =>
  undisturbed(async () => {
    await engine.resetPrefixCache();
    events = [];
    const requests = await replay(trace, engine);
    await engine.metrics();
    return { latencies: latenciesOf(requests), events };
  });

// Bursts of all sizes, of requests as they come later but for their tokens. What comes first warms up.
const log: EngineEvent[] = [];
await sent(burstTrace({ seed: 1, bursts: 1, size: 8, everyMs: 0, mix: MIX }));
for (const size of [1, 2, 4, 8, 12, 16]) {
  const bursts = Math.ceil(8 / size);
  const { value } = await sent(burstTrace({ seed: 100 + size, bursts, size, everyMs: 300, mix: MIX }));
  log.push(...value.events);
}
const times = fitStepTimes(log);
const fitted = runCost(times.run);
const deviations = runSamples(log).map((run) =>
  Math.abs(fitted(run.rows, run.width, run.context) / run.ms - 1),
);
const simulated: SimulatedEngine = {
  limits: limitsOf({ ...OPTIONS, events: true }, shape),
  times,
  cost: costOf(shape),
};

/** The requests as far apart as makes the engine so busy: by the time that it takes for all at once. */
async function loaded(trace: ArrivalTrace): Promise<ArrivalTrace> {
  const { requests } = await simulate(stretched(trace, 0), simulated);
  const busyMs = Math.max(...requests.map(({ tokensMs }) => tokensMs.at(-1) as number));
  return stretched(trace, busyMs / LOAD / (trace.at(-1)?.atMs as number));
}

const traces: Record<string, ArrivalTrace> = {
  Poisson: await loaded(poissonTrace({ seed: 7, requests: REQUESTS, perSecond: 1, mix: MIX })),
  bursts: await loaded(
    burstTrace({ seed: 8, bursts: Math.ceil(REQUESTS / 8), size: 8, everyMs: 1_000, mix: MIX }),
  ),
};
const cells: (string | number)[][] = [];
const disturbance: number[] = [];
const figures: Record<string, unknown> = {};
const count = (events: readonly EngineEvent[], kind: EngineEvent['kind']) =>
  events.filter((event) => event.kind === kind).length;
for (const [name, trace] of Object.entries(traces)) {
  const simulation = await simulate(trace, simulated);
  const predicted = latenciesOf(simulation.requests);
  const real = [];
  for (let round = 0; round < ROUNDS; round++) real.push(await sent(trace));
  for (const metric of ['ttft', 'tpot', 'e2e'] as const)
    for (const part of ['p50', 'p95'] as const) {
      const expected = predicted[metric][part];
      const measured = summarise(real.map(({ value: { latencies } }) => latencies[metric][part]));
      cells.push([
        `${name}, ${metric.toUpperCase()} ${part}`,
        expected.toFixed(1),
        `${measured.median.toFixed(1)} (${measured.min.toFixed(1)}–${measured.max.toFixed(1)})`,
        `${(100 * (expected / measured.median - 1)).toFixed(0)} %`,
      ]);
    }
  cells.push([
    `${name}, steps`,
    count(simulation.events, 'step'),
    real.map(({ value: { events } }) => count(events, 'step')).join(', '),
    '',
  ]);
  figures[name] = { predicted, real: real.map(({ value: { latencies } }) => latencies) };
  for (const { others } of real) disturbance.push(others);
}
printTable(['', 'simulated, ms', 'real, ms', 'off by'], cells);
conclude('simulator', { threads: THREADS, times, figures }, [
  `${REQUESTS} requests a trace at ${LOAD * 100} % of what the engine can do; prompts of ${MIX.prompt.join('–')} tokens, answers of ${MIX.output.join('–')}, 30 % behind one of two texts of 64 tokens; medians of ${ROUNDS} rounds`,
  `times fitted to ${deviations.length} runs, typically (median) off by ${(100 * summarise(deviations).median).toFixed(1)} %: ${JSON.stringify(times)}`,
  `while requests were sent, other processes used ${disturbance.map((part) => (100 * part).toFixed(0)).join(', ')} % of the cores`,
  `our own work in a run of 8 rows: ${ownTime(times.own, 8, 1).toFixed(2)} ms of ${(fitted(8, 1, 256) + ownTime(times.own, 8, 1)).toFixed(1)}`,
]);
