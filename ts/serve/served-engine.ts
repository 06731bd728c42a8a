/** What the server needs of an engine; `LlmEngine` has it, and so may something else that generates tokens. */
import type { EngineInfo } from '../llm/engine/engine-worker.ts';
import type { Generation } from '../llm/engine/generation.ts';
import type { LlmEngine } from '../llm/engine/llm-engine.ts';
import type { GenerateOptions } from '../llm/engine/options.ts';
import type { GeneratedToken } from '../llm/engine/token.ts';

export interface ServedEngine extends Pick<LlmEngine, 'encode' | 'encodeChat' | 'decode' | 'metrics'> {
  readonly info: EngineInfo;
  /** Resolves when it takes no requests any more. */
  readonly ended?: Promise<unknown>;
  complete(prompt: Uint32Array, options: GenerateOptions): ServedGeneration;
}

/** The answers to one request while they come. */
export type ServedGeneration = Pick<Generation, 'usage' | 'cancel'> & AsyncIterable<GeneratedToken>;
