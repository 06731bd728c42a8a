/** The tokenizer that others would make of a model file's metadata: the same file given to Hugging Face's implementation. */
import { Tokenizer } from '@huggingface/tokenizers';
import type { TinyVocabulary } from './tiny-tokenizer.ts';

/** Encodes a text without control tokens. */
export function referenceEncoder({ tokens, types, merges }: TinyVocabulary): (text: string) => number[] {
  const vocabulary = tokens.flatMap((token, id) => (types[id] === 1 ? [[token, id] as const] : []));
  const tokenizer = new Tokenizer(
    {
      version: '1.0',
      truncation: null,
      padding: null,
      normalizer: null,
      added_tokens: [],
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Digits', individual_digits: true },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
        ],
      },
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        vocab: Object.fromEntries(vocabulary),
        merges,
      },
    } as unknown as ConstructorParameters<typeof Tokenizer>[0],
    {} as ConstructorParameters<typeof Tokenizer>[1],
  );
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}
