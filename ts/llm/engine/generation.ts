/** The answers to one request while they come. */
import { HeadraceError } from '../../errors.ts';
import type { GeneratedToken, Usage } from './token.ts';

/**
 * Yields the tokens of all answers, once. It runs whether or not it is read, and keeps what is not read yet: at most
 * `n` · `maxTokens` tokens. Leaving the loop early cancels it, and it yields nothing more. What goes wrong is thrown where it is
 * read.
 */
export class Generation implements AsyncIterable<GeneratedToken>, AsyncIterator<GeneratedToken, undefined> {
  readonly #cancel: () => void;
  readonly #tokens: GeneratedToken[] = [];
  #read = 0;
  #usage: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, queuedMs: 0 };
  #end: { readonly error: HeadraceError | undefined } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** @internal */
  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }

  /** What it took so far; the figures of the prompt are known with the first token. */
  usage(): Usage {
    return this.#usage;
  }

  /** Ends it; whoever reads gets `HR_CANCELLED`. Does nothing once it has ended. */
  cancel(): void {
    this.#leave(new HeadraceError('HR_CANCELLED', 'The request was cancelled.'));
  }

  /** The whole text of the first answer. */
  async text(): Promise<string> {
    let text = '';
    for await (const token of this) if (token.choice === 0) text += token.text;
    return text;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<GeneratedToken, undefined>> {
    for (;;) {
      const token = this.#tokens[this.#read];
      if (token !== undefined) {
        this.#read++;
        if (this.#read === this.#tokens.length) this.#forget();
        return { done: false, value: token };
      }
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return { done: true, value: undefined };
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
  }

  async return(): Promise<IteratorResult<GeneratedToken, undefined>> {
    this.#forget();
    this.#leave(undefined);
    return { done: true, value: undefined };
  }

  /** @internal */
  push(tokens: readonly GeneratedToken[], usage: Usage): void {
    if (this.#end !== undefined) return;
    this.#usage = usage;
    for (const token of tokens) this.#tokens.push(token);
    this.#wake();
  }

  /** @internal */
  finish(error?: HeadraceError): void {
    this.#end ??= { error };
    this.#wake();
  }

  #leave(error: HeadraceError | undefined): void {
    if (this.#end !== undefined) return;
    this.finish(error);
    this.#cancel();
  }

  #forget(): void {
    this.#tokens.length = 0;
    this.#read = 0;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
