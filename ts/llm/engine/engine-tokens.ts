/** What the engine must know about the tokens of its model. */
import type { Detokenizer } from '../tokenizer/detokenizer.ts';

export interface EngineTokens {
  /** The end-of-text tokens. */
  readonly ends: ReadonlySet<number>;
  /** The bytes of each token. */
  readonly bytes: readonly Uint8Array[];
  detokenizer(): Detokenizer;
}
