/** What answers look like on the wire, whatever the endpoint. */
import type { FinishReason, GeneratedToken, ScoredToken, Usage } from '../llm/engine/token.ts';

/** What all parts of an answer begin with. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** A token with its log probability and those of the likeliest ones. */
export type ScoredChoice = NonNullable<GeneratedToken['scored']>;

/** One of the answers to a prompt, complete. */
export interface WholeChoice {
  text: string;
  finish: FinishReason | null;
  readonly scored: ScoredChoice[];
}

/** The shapes of an endpoint; one object for each request. */
export interface AnswerShape {
  /** What a stream has for a token: nothing, if the token completes no text. */
  chunks(token: GeneratedToken): object[];
  /** The last chunk of a stream, if usage was asked for. */
  usageChunk(usage: Usage): object;
  whole(choices: readonly WholeChoice[], usage: Usage, scored: boolean): object;
}

/** Collects the tokens of all answers. */
export function addToken(choices: WholeChoice[], token: GeneratedToken): void {
  while (choices.length <= token.choice) choices.push({ text: '', finish: null, scored: [] });
  const choice = choices[token.choice] as WholeChoice;
  choice.text += token.text;
  choice.finish = token.finish ?? null;
  const scored = scoredInText(token);
  if (scored !== undefined) choice.scored.push(scored);
}

/** The log probability of a token that is part of the text; an end-of-text token that ends the answer is not. */
export function scoredInText({ scored, finish, stopped }: GeneratedToken): ScoredChoice | undefined {
  return finish === 'stop' && stopped === undefined ? undefined : scored;
}

/** The likeliest tokens, and the chosen one if it is not among them. */
export function withChosen({ likeliest, ...chosen }: ScoredChoice): readonly ScoredToken[] {
  return likeliest.some(({ token }) => token === chosen.token) ? likeliest : [...likeliest, chosen];
}

export function usageOf({ promptTokens, cachedTokens, completionTokens }: Usage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
