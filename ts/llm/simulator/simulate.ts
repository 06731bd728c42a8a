/**
 * What an engine would do with a trace, and how long each request would wait: the engine itself, over a clock and a model that
 * are none. The same trace has the same plans and the same times whenever and wherever it is simulated.
 */
import { isHeadraceError } from '../../errors.ts';
import { EngineCore } from '../engine/core.ts';
import type { CoreCounters } from '../engine/core-counters.ts';
import type { CoreLimits } from '../engine/core-parts.ts';
import type { EngineEvent } from '../engine/engine-event.ts';
import type { EngineOutput } from '../engine/engine-output.ts';
import type { EngineTokens } from '../engine/engine-tokens.ts';
import { type NewRequest, resolveOptions } from '../engine/request.ts';
import { runCost } from '../scheduler/cost.ts';
import type { RunCost } from '../scheduler/step-plan.ts';
import { Detokenizer } from '../tokenizer/detokenizer.ts';
import { type ArrivalTrace, promptTokens, type TracedRequest } from './arrival-trace.ts';
import type { RequestTimes } from './latencies.ts';
import { SIMULATED_VOCABULARY, SimulatedRunner, VirtualClock } from './simulated-runner.ts';
import { ownTime, type StepTimes } from './step-times.ts';

/** The engine that is simulated. */
export interface SimulatedEngine {
  readonly limits: CoreLimits;
  /** What steps take. */
  readonly times: StepTimes;
  /** By what it groups rows: what it believes that runs take. */
  readonly cost: RunCost;
}

export interface Simulation {
  /** By the places of the requests in the trace. */
  readonly requests: readonly RequestTimes[];
  /** Everything that the engine decided; requests are numbered from 1 in the order of the trace. */
  readonly events: readonly EngineEvent[];
  readonly counters: CoreCounters;
}

/** Simulates a trace. In O(tokens · log requests) of real time, or so: some microseconds a row and run. */
export async function simulate(trace: ArrivalTrace, engine: SimulatedEngine): Promise<Simulation> {
  const clock = new VirtualClock();
  const events: EngineEvent[] = [];
  const requests = trace.map(({ atMs }) => ({ arrivedMs: atMs, tokensMs: [] }) as RecordedTimes);
  const core = new EngineCore(
    {
      runner: new SimulatedRunner(clock, runCost(engine.times.run)),
      tokens: SILENT,
      salt: 'simulated',
      clock: clock.now,
      emit: (outputs) => record(outputs, requests, clock.now()),
      log(event) {
        events.push(event);
        // The engine's own work belongs to its runs; that it is done behind them makes no difference.
        if (event.kind === 'run') clock.advance(ownTime(engine.times.own, event.rows, event.width));
      },
      cost: engine.cost,
    },
    engine.limits,
  );
  let next = 0;
  while (next < trace.length || !core.idle) {
    if (core.idle) clock.advanceTo((trace[next] as TracedRequest).atMs);
    for (; next < trace.length && (trace[next] as TracedRequest).atMs <= clock.now(); next++) {
      try {
        core.add(requestOf(trace[next] as TracedRequest, next + 1));
      } catch (error) {
        if (!isHeadraceError(error)) throw error;
        (requests[next] as RecordedTimes).error = error.code;
      }
    }
    if (!core.idle) await core.step();
  }
  return { requests, events, counters: core.counters };
}

/** A request of a trace as the engine takes it. */
export function requestOf(traced: TracedRequest, id: number): NewRequest {
  const { output, priority } = traced;
  return {
    id,
    prompt: promptTokens(traced, SIMULATED_VOCABULARY),
    options: resolveOptions({ maxTokens: output, ignoreEos: true, temperature: 0, priority }, output, 0n),
  };
}

type RecordedTimes = { -readonly [name in keyof RequestTimes]: RequestTimes[name] } & { tokensMs: number[] };

function record(outputs: readonly EngineOutput[], requests: readonly RecordedTimes[], nowMs: number): void {
  for (const output of outputs) {
    const times = requests[output.request - 1] as RecordedTimes;
    if (output.kind === 'failed') times.error = output.error.code;
    else for (const _ of output.tokens) times.tokensMs.push(nowMs);
  }
}

/** Tokens without text. */
const bytes: readonly Uint8Array[] = new Array(SIMULATED_VOCABULARY).fill(new Uint8Array());
export const SILENT: EngineTokens = { ends: new Set(), bytes, detokenizer: () => new Detokenizer(bytes) };
