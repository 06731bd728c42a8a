/**
 * What a llama model looks like, from the metadata of its file. Every key that changes the mathematics is used here, or the
 * file is refused with the key's name.
 */
import { damaged, unsupported } from '../gguf/damaged.ts';
import type { Gguf } from '../gguf/gguf.ts';

/** Tokens of a block of the key-value cache. */
export const BLOCK_TOKENS = 16;

/** The longest context that position tables are made for. */
export const CONTEXT_MAX = 131_072;

/** The sizes of a model. */
export interface ModelShape {
  readonly layers: number;
  /** The width of the residual stream. */
  readonly hidden: number;
  /** The width inside the feed-forward networks. */
  readonly inner: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabulary: number;
  /** The most tokens of a sequence. */
  readonly context: number;
  readonly ropeBase: number;
  /** What the norms add to the mean square. */
  readonly epsilon: number;
}

/**
 * The least width of a run. A product with a single row may take another kernel, with other bits, where heads do not share
 * keys; where they do, a token is several rows.
 */
export const leastWidth = ({ heads, kvHeads }: ModelShape): number => (heads === kvHeads ? 2 : 1);

const SIZES = [
  'block_count',
  'context_length',
  'embedding_length',
  'feed_forward_length',
  'attention.head_count',
  'attention.head_count_kv',
  'attention.key_length',
  'attention.value_length',
  'attention.layer_norm_rms_epsilon',
  'rope.dimension_count',
  'rope.freq_base',
  'vocab_size',
];

/** Keys that change nothing as long as they have this value. */
const NEUTRAL: Readonly<Record<string, unknown>> = {
  'rope.scaling.type': 'none',
  'rope.scaling.factor': 1,
  'attention.causal': true,
  'attention.sliding_window': 0,
  expert_count: 0,
  expert_used_count: 0,
};

/** Keys of the tokenizer; the reader of the vocabulary looks at the values of those that matter. */
const TOKENIZER =
  /^tokenizer\.(chat_template(\..*|s)?|huggingface\.json|ggml\.(model|pre|tokens|token_type|merges|scores|\w+_token_ids?|add_(bos|eos|sep)_token|add_space_prefix|remove_extra_whitespaces))$/;

/** Reads the sizes and checks that they fit each other. */
export function readShape(gguf: Gguf): ModelShape {
  const { metadata, source } = gguf;
  const architecture = metadata.text('general.architecture');
  if (architecture !== 'llama') {
    throw unsupported(source, `its architecture is '${architecture}', and 'llama' is supported`);
  }
  refuseUnknownKeys(gguf);
  const size = (key: string, ...fallback: [number?]) => {
    const value = metadata.whole(`llama.${key}`, ...fallback) as number;
    if (value < 1 || value > 2 ** 24) throw damaged(source, `llama.${key} is ${value}`);
    return value;
  };
  const hidden = size('embedding_length');
  const heads = size('attention.head_count');
  const headSize = size('attention.key_length', Math.floor(hidden / heads) || 1);
  const shape: ModelShape = {
    layers: size('block_count'),
    hidden,
    inner: size('feed_forward_length'),
    heads,
    kvHeads: size('attention.head_count_kv', heads),
    headSize,
    vocabulary: metadata.texts('tokenizer.ggml.tokens').length,
    context: Math.min(size('context_length'), CONTEXT_MAX),
    ropeBase: metadata.real('llama.rope.freq_base', 10_000),
    epsilon: metadata.real('llama.attention.layer_norm_rms_epsilon'),
  };
  const equal: [key: string, is: number, should: number][] = [
    ['vocab_size', size('vocab_size', shape.vocabulary), shape.vocabulary],
    ['rope.dimension_count', size('rope.dimension_count', headSize), headSize],
    ['attention.value_length', size('attention.value_length', headSize), headSize],
  ];
  for (const [key, is, should] of equal) {
    if (is !== should)
      throw unsupported(source, `llama.${key} is ${is}, and only ${should} is supported here`);
  }
  if (heads % shape.kvHeads !== 0) {
    throw damaged(source, `its ${heads} heads cannot share ${shape.kvHeads} key-value heads`);
  }
  if (headSize % 2 !== 0) throw damaged(source, `its heads have ${headSize} numbers, which is not even`);
  if (!(shape.ropeBase > 0 && shape.epsilon > 0))
    throw damaged(source, 'llama.rope.freq_base or the epsilon is not positive');
  return shape;
}

function refuseUnknownKeys({ metadata, source }: Gguf): void {
  const neutral = (key: string) => {
    const value = metadata.value(key);
    const name = key.slice('llama.'.length);
    return (
      Object.hasOwn(NEUTRAL, name) && (typeof value === 'bigint' ? Number(value) : value) === NEUTRAL[name]
    );
  };
  for (const key of metadata.keys()) {
    const known = key.startsWith('llama.')
      ? SIZES.includes(key.slice('llama.'.length)) || neutral(key)
      : !key.startsWith('tokenizer.') || TOKENIZER.test(key);
    if (!known) throw unsupported(source, `the key ${key} is not supported${shown(metadata.value(key))}`);
  }
  const type = metadata.text('general.type', 'model');
  if (type !== 'model') throw unsupported(source, `general.type is '${type}', and it is no model of its own`);
  if (metadata.whole('split.count', 1) !== 1)
    throw unsupported(source, 'it is one of several parts of a model');
  const version = metadata.whole('general.quantization_version', 2);
  if (version !== 2)
    throw unsupported(source, `general.quantization_version is ${version}, and 2 is supported`);
}

const shown = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'object' ? '' : ` (its value is ${value})`;
