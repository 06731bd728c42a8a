/** How an engine is set up. */
import { HeadraceError } from '../../errors.ts';
import { BLOCK_TOKENS, type ModelShape } from '../import/shape.ts';
import type { ModelOptions } from '../model.ts';
import type { PolicyName } from '../scheduler/policy.ts';
import type { CoreLimits } from './core-parts.ts';
import type { EngineEvent } from './engine-event.ts';

/** Whatever is not given has the default that stands with it. */
export interface EngineOptions extends ModelOptions {
  /**
   * Blocks of 16 tokens of the KV cache; as many as take 1 GiB, or as twice as many whole contexts as run at a time need if
   * that is less, and at least one whole context.
   */
  readonly kvBlocks?: number;
  /** Sequences that run at a time; 64. */
  readonly maxNumSeqs?: number;
  /** New tokens that a step computes, prompts and answers together; 512. */
  readonly maxNumBatchedTokens?: number;
  /** Tokens of a prompt and its answer; the context of the model, or what the KV cache holds if that is less. */
  readonly maxModelLen?: number;
  /** Requests that wait; 256. */
  readonly maxQueue?: number;
  /** Whether requests share the keys and values of equal beginnings; yes. */
  readonly prefixCache?: boolean;
  /** Who goes first: who came first (`fcfs`), or who has the highest `priority`; `fcfs`. */
  readonly policy?: PolicyName;
  /** Blocks that stay free when a request is admitted while others run, so that those can go on; a hundredth of all. */
  readonly watermark?: number;
  /** Told of everything that the engine decides, in order. */
  readonly onEvent?: (event: EngineEvent) => void;
  /** Gives up loading; a model that is loaded is not concerned any more. */
  readonly signal?: AbortSignal;
}

/** The part of {@link EngineOptions} that crosses to the engine's thread. */
export type PlainEngineOptions = Omit<EngineOptions, 'onEvent' | 'signal'> & { readonly events: boolean };

/** Bytes of the KV cache unless told otherwise. */
export const KV_BYTES = 2 ** 30;
/** Rows × new tokens × tokens of context of one run: what bounds the memory that it takes. */
export const RUN_CELLS_MAX = 2 ** 22;

/**
 * Tokens of a prompt in one step. A longer chunk is no faster for each of its tokens, as most of them do not see the rest of it, and
 * the next tokens of others wait for it.
 */
export const CHUNK_TOKENS_MAX = 256;

/** The limits of an engine for a model of this shape. Throws `HR_OPTION_INVALID` for options that cannot be. */
export function limitsOf(options: PlainEngineOptions, shape: ModelShape): CoreLimits {
  const blockBytes = shape.layers * 2 * shape.kvHeads * BLOCK_TOKENS * shape.headSize * 4;
  const perContext = Math.ceil((options.maxModelLen ?? shape.context) / BLOCK_TOKENS) + 1;
  const maxNumSeqs = whole('maxNumSeqs', options.maxNumSeqs ?? 64, 1, 1_024);
  const useful = Math.min(Math.floor(KV_BYTES / blockBytes), 2 * maxNumSeqs * perContext);
  const kvBlocks = whole('kvBlocks', options.kvBlocks ?? Math.max(perContext, useful), 2);
  const room = (kvBlocks - 1) * BLOCK_TOKENS;
  const maxModelLen = whole('maxModelLen', options.maxModelLen ?? Math.min(shape.context, room), 2);
  if (maxModelLen > shape.context)
    throw invalid(`maxModelLen is ${maxModelLen}, and the context of the model is ${shape.context} tokens`);
  if (maxModelLen > room)
    throw invalid(
      `maxModelLen is ${maxModelLen}, and ${kvBlocks} blocks of the KV cache hold ${room} tokens`,
    );
  return {
    ...{ kvBlocks, maxModelLen, maxNumSeqs, maxChunkTokens: CHUNK_TOKENS_MAX },
    // Every running sequence can go on by a token in each step.
    maxNumBatchedTokens: whole(
      'maxNumBatchedTokens',
      options.maxNumBatchedTokens ?? Math.max(512, maxNumSeqs),
      maxNumSeqs,
    ),
    maxQueue: whole('maxQueue', options.maxQueue ?? 256, 1, 60_000),
    maxRunCells: RUN_CELLS_MAX,
    watermark: whole('watermark', options.watermark ?? Math.floor(kvBlocks / 100), 0, kvBlocks - 2),
    prefixCache: options.prefixCache ?? true,
    policy: options.policy ?? 'fcfs',
  };
}

function whole(name: string, value: number, from: number, to = 2 ** 26): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw invalid(`${name} is ${value}, which is no whole number from ${from} to ${to}`);
}

function invalid(what: string): HeadraceError {
  return new HeadraceError('HR_OPTION_INVALID', `The engine cannot be set up: ${what}.`);
}
