/** The prompts of the LLM benchmark: tokens of a text that everybody has, the licence. */
import { readFileSync } from 'node:fs';
import { FileSource } from '../../ts/llm/gguf/byte-source.ts';
import { readGguf } from '../../ts/llm/gguf/gguf.ts';
import { Tokenizer } from '../../ts/llm/tokenizer/tokenizer.ts';

/** Requests that come together. */
export const TOGETHER = 8;
export const PROMPT_TOKENS = 128;
export const PREFIX_TOKENS = 512;
/** What each of those that share the prefix has behind it. */
export const OWN_TOKENS = 16;

export interface Prompts {
  /** Of 128 tokens each, and different. */
  readonly apart: readonly (readonly number[])[];
  /** The same 512 tokens, and then 16 of their own. */
  readonly shared: readonly (readonly number[])[];
}

/** Cuts the prompts out of the text. */
export function prompts(weights: string): Prompts {
  using source = new FileSource(weights);
  const tokenizer = new Tokenizer(readGguf(source));
  const text = readFileSync(new URL('../../LICENSE', import.meta.url), 'utf8');
  const tokens = Array.from(tokenizer.encode(text));
  const cut = (from: number, count: number) => {
    if (from + count > tokens.length) throw new Error(`The text has only ${tokens.length} tokens.`);
    return tokens.slice(from, from + count);
  };
  const each = <T>(make: (at: number) => T) => Array.from({ length: TOGETHER }, (_, at) => make(at));
  return {
    apart: each((at) => cut(at * PROMPT_TOKENS, PROMPT_TOKENS)),
    shared: each((at) => [...cut(0, PREFIX_TOKENS), ...cut(PREFIX_TOKENS + at * PROMPT_TOKENS, OWN_TOKENS)]),
  };
}
