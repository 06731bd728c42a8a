/** Tokens to text, one by one. A character may take several tokens: its first bytes wait for the last. */
import { HeadraceError } from '../../errors.ts';

export class Detokenizer {
  readonly #bytes: readonly Uint8Array[];
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** `bytes` are those of each token. */
  constructor(bytes: readonly Uint8Array[]) {
    this.#bytes = bytes;
  }

  /** The text that this token completes: whole characters, perhaps none. */
  push(token: number): string {
    const bytes = this.#bytes[token];
    if (bytes === undefined) throw new HeadraceError('HR_OPTION_INVALID', `There is no token ${token}.`);
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left: U+FFFD where a character was never completed. */
  end(): string {
    return this.#decoder.decode();
  }
}
