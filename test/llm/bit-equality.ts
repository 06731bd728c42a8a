/**
 * Whether requests get the same bits however they are run: a digest of token ids and log-probability bits of each request,
 * alone and then among others.
 */
import { createHash } from 'node:crypto';
import type { CoreLimits, CoreParts } from '../../ts/llm/engine/core-parts.ts';
import type { GenerateOptions } from '../../ts/llm/engine/options.ts';
import type { GeneratedToken } from '../../ts/llm/engine/token.ts';
import type { Model } from '../../ts/llm/model.ts';
import { coreHarness } from './core-harness.ts';

export interface Asked {
  readonly name: string;
  readonly prompt: readonly number[];
  readonly options: GenerateOptions;
}

/** How requests are run. */
export interface Way {
  /** Requests that are open at a time. */
  readonly concurrency: number;
  /** New tokens of a step. */
  readonly chunk: number;
  readonly prefixCache: boolean;
  /** Blocks of the cache, if it is to be so small that requests are preempted. */
  readonly kvBlocks?: number;
}

/** Each request for itself, computed in one piece from nothing: what all ways are compared with. */
export const ALONE: Way = { concurrency: 1, chunk: 1024, prefixCache: false };

/** Every concurrency with every chunk, with and without cached prefixes; then with so few blocks that requests are preempted. */
export function ways(kvBlocks: number): Way[] {
  const ample = [1, 4, 16].flatMap((concurrency) =>
    [16, 64, 256].flatMap((chunk) =>
      [true, false].map((prefixCache): Way => ({ concurrency, chunk, prefixCache })),
    ),
  );
  const scarce = [true, false].map(
    (prefixCache): Way => ({ concurrency: 16, chunk: 256, prefixCache, kvBlocks }),
  );
  return [...ample, ...scarce];
}

/** A way in words. */
export const wayName = ({ concurrency, chunk, prefixCache, kvBlocks }: Way): string =>
  `${concurrency} at a time, ${chunk} tokens a step, ${prefixCache ? 'prefixes cached' : 'nothing cached'}${kvBlocks === undefined ? '' : `, ${kvBlocks} blocks`}`;

const KINDS: readonly (readonly [name: string, options: GenerateOptions])[] = [
  ['greedy', { temperature: 0 }],
  ['sampled', { temperature: 0.9, topP: 0.95, topK: 50, seed: 7 }],
  [
    'penalties',
    { temperature: 0.7, repetitionPenalty: 1.3, presencePenalty: 0.5, frequencyPenalty: 0.2, seed: 8 },
  ],
  ['two answers', { temperature: 1, minP: 0.02, n: 2, seed: 9 }],
];

/**
 * Prompts of these lengths, each in four kinds. They are beginnings of `text`, so that those of a kind share their first blocks;
 * those of another kind differ in one token of the first block, and must not share it.
 */
export function requests(text: readonly number[], lengths: readonly number[], maxTokens: number): Asked[] {
  return lengths.flatMap((length) =>
    KINDS.map(([kind, options], at) => ({
      name: `${length} tokens, ${kind}`,
      prompt: text.with(3, text[3 + at] as number).slice(0, length),
      options: { ...options, maxTokens, ignoreEos: true, logprobs: 2 },
    })),
  );
}

/** By request the digest of what it yields, and how often sequences were preempted. */
export async function digests(
  model: Model,
  asked: readonly Asked[],
  { concurrency, chunk, ...limits }: Way,
  parts: Partial<CoreParts> = {},
): Promise<{ digests: Map<string, string>; preemptions: number }> {
  const most: Partial<CoreLimits> = {
    maxNumBatchedTokens: chunk,
    maxNumSeqs: 32,
    kvBlocks: 600,
    maxModelLen: Math.min(1024, model.shape.context),
  };
  const { core, add, tokens, failure } = coreHarness(model, { ...most, ...limits }, parts);
  const numbers: number[] = [];
  while (numbers.length < asked.length || !core.idle) {
    while (numbers.length < asked.length && core.requests.size < concurrency) {
      const { prompt, options } = asked[numbers.length] as Asked;
      numbers.push(add(prompt, options));
    }
    await core.step();
  }
  const found = asked.map(({ name }, at): [string, string] => {
    const number = numbers[at] as number;
    return [name, failure(number) ?? digest(tokens(number))];
  });
  return { digests: new Map(found), preemptions: core.counters.preemptions };
}

/** The names of requests whose bits differ. */
export const different = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] =>
  [...a].filter(([name, digest]) => b.get(name) !== digest).map(([name]) => name);

function digest(tokens: readonly GeneratedToken[]): string {
  const hash = createHash('sha256');
  // Answers alternate differently when one of them was preempted.
  for (const one of tokens.toSorted((a, b) => a.choice - b.choice)) {
    const scored = one.scored === undefined ? [] : [one.scored, ...one.scored.likeliest];
    hash.update(
      Float64Array.of(one.choice, one.token, ...scored.flatMap(({ token, logprob }) => [token, logprob])),
    );
  }
  return hash.digest('hex');
}
