/** Text to tokens and back, by the vocabulary of a model file. */
import { HeadraceError } from '../../errors.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { encodeWord } from './bpe.ts';
import { Detokenizer } from './detokenizer.ts';
import { splitSmollm } from './split.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

/** Words whose tokens are remembered, and how long a word may be for that. */
const WORDS_KEPT_MAX = 16_384;
const WORD_KEPT_LENGTH_MAX = 32;

/** Encodes and decodes. Control tokens never come out of text: what looks like one is encoded letter by letter. */
export class Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly #words = new Map<string, readonly number[]>();
  readonly #utf8 = new TextEncoder();

  constructor(gguf: Gguf) {
    this.vocabulary = readVocabulary(gguf);
  }

  /**
   * The tokens of a text, O(n log n) in its length. A surrogate without its other half is refused (`HR_OPTION_INVALID`):
   * it is no character. Bytes that the vocabulary has no token for, such as a few control characters, are left out.
   */
  encode(text: string): number[] {
    const surrogate = text.search(/\p{Surrogate}/u);
    if (surrogate >= 0) {
      throw new HeadraceError(
        'HR_OPTION_INVALID',
        `The text has half a surrogate pair at position ${surrogate}.`,
      );
    }
    const tokens: number[] = [];
    for (const word of splitSmollm(text)) for (const token of this.#word(word)) tokens.push(token);
    return tokens;
  }

  /** The text of tokens; what is not UTF-8 becomes U+FFFD, and control tokens have no text. */
  decode(tokens: Iterable<number>): string {
    const detokenizer = this.detokenizer();
    let text = '';
    for (const token of tokens) text += detokenizer.push(token);
    return text + detokenizer.end();
  }

  /** A decoder that is given tokens one by one. */
  detokenizer(): Detokenizer {
    return new Detokenizer(this.vocabulary.bytes);
  }

  #word(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const tokens = encodeWord(this.vocabulary, this.#utf8.encode(word));
    if (word.length <= WORD_KEPT_LENGTH_MAX) {
      if (this.#words.size === WORDS_KEPT_MAX) this.#words.clear();
      this.#words.set(word, tokens);
    }
    return tokens;
  }
}
