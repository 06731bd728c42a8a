/** The traces that are simulated and sent, and those to which the times of steps are fitted. */
import { type ArrivalTrace, stretched } from '../../ts/llm/simulator/arrival-trace.ts';
import { burstTrace, poissonTrace, type RequestMix } from '../../ts/llm/simulator/random-trace.ts';
import { type SimulatedEngine, simulate } from '../../ts/llm/simulator/simulate.ts';

export const MIX: RequestMix = {
  ...{ prompt: [16, 160], output: [8, 32], shared: { part: 0.3, texts: 2, tokens: 64 } },
};

/** Requests of a burst. */
const BURST = 8;

/** Bursts of all sizes, of requests like those that are foreseen but for their tokens. */
export const FITTED: readonly ArrivalTrace[] = [1, 1, 2, 4, 8, 16].map((size, at) =>
  burstTrace({ seed: 100 + at, bursts: 1, size, everyMs: 0, mix: MIX }),
);

/** Both kinds of arrivals, with so many requests; how far they are apart is left to {@link loaded}. */
export function arrivals(requests: number): Readonly<Record<string, ArrivalTrace>> {
  return {
    'by chance': poissonTrace({ seed: 7, requests, perSecond: 1, mix: MIX }),
    bursts: burstTrace({
      ...{ seed: 8, bursts: Math.ceil(requests / BURST), size: BURST, everyMs: 1_000, mix: MIX },
    }),
  };
}

/** The requests as far apart as makes the engine so busy, a part of 1: by the time that it takes for all at once. */
export async function loaded(
  trace: ArrivalTrace,
  engine: SimulatedEngine,
  load: number,
): Promise<ArrivalTrace> {
  const { requests } = await simulate(stretched(trace, 0), engine);
  const busyMs = Math.max(...requests.map(({ tokensMs }) => tokensMs.at(-1) as number));
  return stretched(trace, busyMs / load / (trace.at(-1)?.atMs as number));
}
