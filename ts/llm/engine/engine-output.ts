/** What the engine says about requests, in the form in which it crosses to the caller's thread. */
import type { ErrorCode } from '../../errors.ts';
import type { GeneratedToken, Usage } from './token.ts';

export type EngineOutput =
  | {
      readonly kind: 'tokens';
      readonly request: number;
      readonly usage: Usage;
      readonly tokens: readonly GeneratedToken[];
      /** Whether all answers have ended with them. */
      readonly last: boolean;
    }
  | { readonly kind: 'failed'; readonly request: number; readonly error: ErrorData };

/** An error as plain data. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}
