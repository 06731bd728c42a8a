/** Answers of `/v1/completions`. */
import type { FinishReason, GeneratedToken, Usage } from '../llm/engine/token.ts';
import {
  type AnswerHead,
  type AnswerShape,
  type ScoredChoice,
  scoredInText,
  usageOf,
  type WholeChoice,
  withChosen,
} from './answer-shape.ts';
import { tokenName } from './token-names.ts';

export class CompletionAnswer implements AnswerShape {
  readonly #head: AnswerHead & { readonly object: string };
  readonly #usage: { usage?: null };
  readonly #offsets: TextOffset[] = [];

  /** `includeUsage`: the stream will have a chunk with the usage, and the others say that they have none. */
  constructor(head: AnswerHead, includeUsage: boolean) {
    this.#head = { ...head, object: 'text_completion' };
    this.#usage = includeUsage ? { usage: null } : {};
  }

  chunks(token: GeneratedToken): object[] {
    const { choice, text, finish } = token;
    const chunks: object[] = [];
    const scored = scoredInText(token);
    if (text !== '' || scored !== undefined) {
      this.#offsets[choice] ??= new TextOffset();
      chunks.push(
        this.#chunk(choice, text, scored && logprobsOf([scored], this.#offsets[choice] as TextOffset)),
      );
    }
    if (finish !== undefined) chunks.push(this.#chunk(choice, '', undefined, finish));
    return chunks;
  }

  usageChunk(usage: Usage): object {
    return { ...this.#head, choices: [], usage: usageOf(usage) };
  }

  whole(choices: readonly WholeChoice[], usage: Usage, scored: boolean): object {
    return {
      ...this.#head,
      choices: choices.map(({ text, finish, scored: all }, index) => ({
        index,
        text,
        logprobs: scored ? logprobsOf(all, new TextOffset()) : null,
        finish_reason: finish,
      })),
      usage: usageOf(usage),
    };
  }

  #chunk(index: number, text: string, logprobs: object | undefined, finish: FinishReason | null = null) {
    const choices = [{ index, text, logprobs: logprobs ?? null, finish_reason: finish }];
    return { ...this.#head, choices, ...this.#usage };
  }
}

/** Where in the text a token begins, as a count of letters. */
class TextOffset {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  #at = 0;

  next(bytes: Uint8Array): number {
    const at = this.#at;
    this.#at += this.#decoder.decode(bytes, { stream: true }).length;
    return at;
  }
}

function logprobsOf(scored: readonly ScoredChoice[], offset: TextOffset): object {
  return {
    tokens: scored.map(tokenName),
    token_logprobs: scored.map(({ logprob }) => logprob),
    top_logprobs: scored.map((one) =>
      Object.fromEntries(withChosen(one).map((each) => [tokenName(each), each.logprob])),
    ),
    text_offset: scored.map(({ bytes }) => offset.next(bytes)),
  };
}
