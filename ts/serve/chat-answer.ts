/** Answers of `/v1/chat/completions`. */
import type { FinishReason, GeneratedToken, ScoredToken, Usage } from '../llm/engine/token.ts';
import {
  type AnswerHead,
  type AnswerShape,
  type ScoredChoice,
  scoredInText,
  usageOf,
  type WholeChoice,
} from './answer-shape.ts';
import { tokenName } from './token-names.ts';

export class ChatAnswer implements AnswerShape {
  readonly #head: AnswerHead;
  readonly #usage: { usage?: null };
  readonly #begun = new Set<number>();

  /** `includeUsage`: the stream will have a chunk with the usage, and the others say that they have none. */
  constructor(head: AnswerHead, includeUsage: boolean) {
    this.#head = head;
    this.#usage = includeUsage ? { usage: null } : {};
  }

  chunks(token: GeneratedToken): object[] {
    const { choice, text, finish } = token;
    const chunks: object[] = [];
    if (!this.#begun.has(choice)) {
      this.#begun.add(choice);
      chunks.push(this.#chunk(choice, { role: 'assistant', content: '', refusal: null }));
    }
    const scored = scoredInText(token);
    if (text !== '' || scored !== undefined)
      chunks.push(this.#chunk(choice, { content: text }, logprobsOf(scored === undefined ? [] : [scored])));
    if (finish !== undefined) chunks.push(this.#chunk(choice, {}, null, finish));
    return chunks;
  }

  usageChunk(usage: Usage): object {
    return { ...this.#head, object: 'chat.completion.chunk', choices: [], usage: usageOf(usage) };
  }

  whole(choices: readonly WholeChoice[], usage: Usage, scored: boolean): object {
    return {
      ...this.#head,
      object: 'chat.completion',
      choices: choices.map(({ text, finish, scored: all }, index) => ({
        index,
        message: { role: 'assistant', content: text, refusal: null },
        logprobs: scored ? { content: all.map(entryOf), refusal: null } : null,
        finish_reason: finish,
      })),
      usage: usageOf(usage),
    };
  }

  #chunk(index: number, delta: object, logprobs: object | null = null, finish: FinishReason | null = null) {
    const choices = [{ index, delta, logprobs, finish_reason: finish }];
    return { ...this.#head, object: 'chat.completion.chunk', choices, ...this.#usage };
  }
}

function logprobsOf(scored: readonly ScoredChoice[]): object | null {
  return scored.length === 0 ? null : { content: scored.map(entryOf), refusal: null };
}

function entryOf(scored: ScoredChoice): object {
  return { ...nameOf(scored), top_logprobs: scored.likeliest.map(nameOf) };
}

function nameOf(scored: ScoredToken): object {
  const bytes = scored.bytes.length === 0 ? null : [...scored.bytes];
  return { token: tokenName(scored), logprob: scored.logprob, bytes };
}
