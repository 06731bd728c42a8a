/** A request inside the engine: a prompt, how to answer it, and its answers as they grow. */
import type { Answer } from './answer.ts';
import { DEFAULTS, type GenerateOptions } from './options.ts';
import type { Usage } from './token.ts';

/** {@link GenerateOptions} without anything left open. */
export type ResolvedOptions = Required<Omit<GenerateOptions, 'signal' | 'seed' | 'logprobs'>> & {
  readonly seed: bigint;
  readonly logprobs: number | undefined;
};

/** What crosses to the engine's thread. */
export interface NewRequest {
  /** The caller's number for it; unique. */
  readonly id: number;
  readonly prompt: Uint32Array;
  readonly options: ResolvedOptions;
}

/** A request that the engine has taken. */
export interface EngineRequest extends NewRequest {
  /** Place in the order of arrival. */
  readonly arrival: number;
  /** When it came, by the engine's clock. */
  readonly arrivedMs: number;
  /** First one answer that computes the prompt, then n of them, less those that have ended. */
  readonly answers: Answer[];
  /** Tokens of the prompt that were found when it was first admitted. */
  cachedTokens: number;
  /** When it was first admitted, by the engine's clock. */
  admittedMs: number | undefined;
  completionTokens: number;
}

/** Fills in what is not given. `room` is how many tokens there can be; `seed` is for a request that has none. */
export function resolveOptions(options: GenerateOptions, room: number, seed: bigint): ResolvedOptions {
  const { signal: _, seed: given, logprobs, maxTokens, ...others } = options;
  const chosen = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  return {
    ...DEFAULTS,
    ...{ cacheSalt: '', maxTokens: maxTokens ?? Math.max(1, room) },
    ...chosen,
    logprobs,
    seed: given === undefined ? seed : BigInt.asUintN(64, BigInt(given)),
  };
}

/** What it took so far. */
export function usageOf(request: EngineRequest): Usage {
  const { prompt, cachedTokens, completionTokens, arrivedMs, admittedMs = arrivedMs } = request;
  return { promptTokens: prompt.length, cachedTokens, completionTokens, queuedMs: admittedMs - arrivedMs };
}

/** Whether the likeliest token is all that has to be known about each row. */
export function plainlyGreedy(options: ResolvedOptions): boolean {
  return (
    options.temperature === 0 &&
    options.logprobs === undefined &&
    options.repetitionPenalty === 1 &&
    options.presencePenalty === 0 &&
    options.frequencyPenalty === 0 &&
    Object.keys(options.logitBias).length === 0
  );
}
