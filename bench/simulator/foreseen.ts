/** One trace, foreseen and sent. */
import type { EngineEvent } from '../../ts/llm/engine/engine-event.ts';
import { runCost } from '../../ts/llm/scheduler/cost.ts';
import type { ArrivalTrace } from '../../ts/llm/simulator/arrival-trace.ts';
import { type Latencies, latenciesOf } from '../../ts/llm/simulator/latencies.ts';
import { simulate } from '../../ts/llm/simulator/simulate.ts';
import { fitStepTimes, runSamples, type StepTimes } from '../../ts/llm/simulator/step-times.ts';
import { summarise } from '../lib/statistics.ts';
import type { MeasuredEngine } from './measured-engine.ts';
import { FITTED, loaded } from './traces.ts';

export interface Foreseen {
  readonly times: StepTimes;
  /** By the times that were fitted before, on the real engine, and by the times of the real engine's own steps. */
  readonly simulated: Latencies;
  readonly real: Latencies;
  readonly afterwards: Latencies;
  readonly steps: { readonly simulated: number; readonly real: number };
  /** By how much of its time, a part of 1, a run to which the times were fitted typically deviates. */
  readonly runOff: number;
  /** The part of the real steps that is not the model's. */
  readonly ownShare: number;
}

/** Fits the times of steps, simulates the trace at this load, and sends it. */
export async function foreseen(trace: ArrivalTrace, engine: MeasuredEngine, load: number): Promise<Foreseen> {
  const log: EngineEvent[] = [];
  for (const burst of FITTED) log.push(...(await engine.send(burst)).events);
  const times = fitStepTimes(log);
  const apart = await loaded(trace, engine.simulated(times), load);
  const simulation = await simulate(apart, engine.simulated(times));
  const { latencies: real, events } = await engine.send(apart);
  const afterwards = await simulate(apart, engine.simulated(fitStepTimes(events)));
  const cost = runCost(times.run);
  const deviations = runSamples(log).map(({ rows, width, context, ms }) =>
    Math.abs(cost(rows, width, context) / ms - 1),
  );
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const own = sum(events.map((event) => (event.kind === 'step' ? event.ownMs : 0)));
  const steps = (events: readonly EngineEvent[]) => events.filter(({ kind }) => kind === 'step').length;
  return {
    ...{ times, real },
    ...{ simulated: latenciesOf(simulation.requests), afterwards: latenciesOf(afterwards.requests) },
    steps: { simulated: steps(simulation.events), real: steps(events) },
    runOff: summarise(deviations).median,
    ownShare: own / (own + sum(runSamples(events).map(({ ms }) => ms))),
  };
}
