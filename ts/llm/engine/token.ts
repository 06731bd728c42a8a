/** What a request yields. */

/** Why an answer ended: an end-of-text token or a stop string; the most tokens. */
export type FinishReason = 'stop' | 'length';

/** A token with the logarithm of its probability (natural, before penalties, biases and temperature). */
export interface ScoredToken {
  readonly token: number;
  /** The bytes that the token stands for; none for control tokens. */
  readonly bytes: Uint8Array;
  readonly logprob: number;
}

/** A token of an answer, in the order in which they were chosen; the tokens of several answers alternate. */
export interface GeneratedToken {
  /** Which answer it belongs to, 0 to n − 1. */
  readonly choice: number;
  readonly token: number;
  /** The text that it completes: perhaps none, or more than its own where text was held back that could have become a stop string. */
  readonly text: string;
  /** If asked for: the token, and the likeliest ones, likeliest first. */
  readonly scored?: ScoredToken & { readonly likeliest: readonly ScoredToken[] };
  /** With the last token of an answer. */
  readonly finish?: FinishReason;
  /** The stop string that ended it, if one did. */
  readonly stopped?: string;
}

/** What a request took. */
export interface Usage {
  readonly promptTokens: number;
  /** Tokens of the prompt that were found in the prefix cache. */
  readonly cachedTokens: number;
  /** Tokens of all answers so far, their end-of-text tokens included. */
  readonly completionTokens: number;
  /** Milliseconds from its arrival at the engine to its first run. */
  readonly queuedMs: number;
}
