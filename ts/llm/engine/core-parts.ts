/** What an engine's core works with, and within which limits. */
import type { ModelRunner } from '../runner/runner.ts';
import type { PolicyName } from '../scheduler/policy.ts';
import type { RunCost } from '../scheduler/step-plan.ts';
import type { EngineEvent } from './engine-event.ts';
import type { EngineOutput } from './engine-output.ts';
import type { EngineTokens } from './engine-tokens.ts';

/** How large the engine is; see `EngineOptions` for what each means. */
export interface CoreLimits {
  readonly kvBlocks: number;
  readonly watermark: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly maxModelLen: number;
  readonly maxQueue: number;
  readonly maxChunkTokens: number;
  readonly maxRunCells: number;
  readonly prefixCache: boolean;
  readonly policy: PolicyName;
}

/** What the engine works with. */
export interface CoreParts {
  readonly runner: Pick<ModelRunner, 'shape' | 'pool' | 'run'>;
  readonly tokens: EngineTokens;
  /** What must be equal, besides the salt of requests, for them to share blocks: the digest of the model. */
  readonly salt: string;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly emit: (outputs: EngineOutput[]) => void;
  /** Told of everything that the engine decides. */
  readonly log?: ((event: EngineEvent) => void) | undefined;
  /** What runs take; estimated from the model's sizes unless given. */
  readonly cost?: RunCost | undefined;
}
