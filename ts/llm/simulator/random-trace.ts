/** Traces from a seed: requests that come by chance, or many at a time. */
import type { ArrivalTrace, TracedRequest } from './arrival-trace.ts';
import { seededRandom } from './random.ts';

/** The least and the most. Lengths between them are log-uniform: of twice the length there are as many as of once. */
export type Lengths = readonly [least: number, most: number];

/** What the requests of a trace look like. */
export interface RequestMix {
  /** Tokens of a prompt that no other has. */
  readonly prompt: Lengths;
  /** Tokens to generate. */
  readonly output: Lengths;
  /** So large a part of the prompts, 0 to 1, begins with so many tokens of one of so many texts; none unless told. */
  readonly shared?: { readonly part: number; readonly texts: number; readonly tokens: number };
  /** Priorities are 0 to one less than this, equally often; all are 0 unless told. */
  readonly priorities?: number;
}

/** Requests that come independently of each other, on average so many a second (a Poisson process). */
export function poissonTrace(options: {
  readonly seed: number;
  readonly requests: number;
  readonly perSecond: number;
  readonly mix: RequestMix;
}): ArrivalTrace {
  const { seed, requests, perSecond, mix } = options;
  const random = seededRandom(seed);
  let atMs = 0;
  return Array.from({ length: requests }, (_, number) => {
    atMs += (-Math.log(1 - random()) / perSecond) * 1000;
    return { atMs, ...drawn(mix, number, random) };
  });
}

/** `size` requests at once, `bursts` times, `everyMs` apart. */
export function burstTrace(options: {
  readonly seed: number;
  readonly bursts: number;
  readonly size: number;
  readonly everyMs: number;
  readonly mix: RequestMix;
}): ArrivalTrace {
  const { seed, bursts, size, everyMs, mix } = options;
  const random = seededRandom(seed);
  return Array.from({ length: bursts * size }, (_, number) => ({
    atMs: Math.floor(number / size) * everyMs,
    ...drawn(mix, number, random),
  }));
}

/** A request: texts below 2^31 are its own, those above are shared. */
function drawn(mix: RequestMix, number: number, random: () => number): Omit<TracedRequest, 'atMs'> {
  const { shared = { part: 0, texts: 1, tokens: 0 }, priorities = 1 } = mix;
  const shares = random() < shared.part;
  const text = 2 ** 31 + Math.floor(random() * shared.texts);
  const own = [Math.floor(random() * 2 ** 16) * 2 ** 15 + (number % 2 ** 15), drawLength(mix.prompt, random)];
  return {
    prompt: (shares ? [[text, shared.tokens], own] : [own]) as [number, number][],
    output: drawLength(mix.output, random),
    priority: Math.floor(random() * priorities),
  };
}

function drawLength([least, most]: Lengths, random: () => number): number {
  return Math.min(most, Math.floor(least * ((most + 1) / least) ** random()));
}
