/** A seeded tiny model of the llama architecture for tests: its GGUF file, and its weights as the file holds them. */
import type { ModelShape } from '../../ts/llm/import/shape.ts';
import { seededRandom } from '../../ts/llm/simulator/random.ts';
import { type WrittenKey, type WrittenTensor, writeGguf } from './gguf-writer.ts';
import { type Quantisation, quantise } from './quantise.ts';
import { CHAT_TEMPLATE, tinyVocabulary } from './tiny-tokenizer.ts';

/** What the model looks like; the defaults are 2 layers of 64 and 512 tokens. */
export interface TinyOptions {
  readonly seed?: number;
  readonly type?: Quantisation;
  /** The type of the embedding, if it is another. */
  readonly embedding?: Quantisation;
  readonly layers?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly context?: number;
  /** Whether the head is the embedding, as in SmolLM2; otherwise there is an `output.weight`. */
  readonly tied?: boolean;
}

/** A matrix of the model: row after row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export interface TinyModel {
  readonly keys: readonly WrittenKey[];
  readonly tensors: readonly WrittenTensor[];
  readonly weights: ReadonlyMap<string, Matrix>;
  readonly shape: ModelShape;
}

/** Makes the model. */
export function tinyModel(options: TinyOptions = {}): TinyModel {
  const { seed = 1, type = 'F32', embedding = type, tied = true } = options;
  const shape: ModelShape = {
    layers: options.layers ?? 2,
    hidden: 64,
    inner: 96,
    heads: options.heads ?? 4,
    kvHeads: options.kvHeads ?? 2,
    headSize: 64 / (options.heads ?? 4),
    vocabulary: 512,
    context: options.context ?? 256,
    ropeBase: 10_000,
    epsilon: Math.fround(1e-5),
  };
  const random = normals(seed);
  const tensors: WrittenTensor[] = [];
  const weights = new Map<string, Matrix>();
  for (const [name, rows, columns] of matrices(shape, tied)) {
    const norm = rows === 1;
    // Sizes that keep activations near 1, so that every part of the model moves the logits.
    const numbers = Float64Array.from({ length: rows * columns }, () =>
      norm ? 1 + 0.2 * random() : random() * (name === 'token_embd.weight' ? 0.5 : 1.5 / Math.sqrt(columns)),
    );
    const chosen = norm ? 'F32' : name === 'token_embd.weight' ? embedding : type;
    const { bytes, values } = quantise(numbers, chosen);
    tensors.push({ name, type: chosen, dimensions: norm ? [columns] : [columns, rows], bytes });
    weights.set(name, { rows, columns, values });
  }
  return { keys: tinyKeys(shape), tensors, weights, shape };
}

/** The bytes of its file. */
export const tinyFile = (options: TinyOptions = {}): Uint8Array => writeGguf(tinyModel(options));

function matrices(shape: ModelShape, tied: boolean): [name: string, rows: number, columns: number][] {
  const { hidden, inner, heads, kvHeads, headSize, vocabulary } = shape;
  const all: [string, number, number][] = [['token_embd.weight', vocabulary, hidden]];
  for (let layer = 0; layer < shape.layers; layer++) {
    const block = `blk.${layer}.`;
    all.push(
      [`${block}attn_norm.weight`, 1, hidden],
      [`${block}attn_q.weight`, heads * headSize, hidden],
      [`${block}attn_k.weight`, kvHeads * headSize, hidden],
      [`${block}attn_v.weight`, kvHeads * headSize, hidden],
      [`${block}attn_output.weight`, hidden, heads * headSize],
      [`${block}ffn_norm.weight`, 1, hidden],
      [`${block}ffn_gate.weight`, inner, hidden],
      [`${block}ffn_up.weight`, inner, hidden],
      [`${block}ffn_down.weight`, hidden, inner],
    );
  }
  all.push(['output_norm.weight', 1, hidden]);
  if (!tied) all.push(['output.weight', vocabulary, hidden]);
  return all;
}

function tinyKeys(shape: ModelShape): WrittenKey[] {
  const { tokens, types, merges } = tinyVocabulary(shape.vocabulary);
  return [
    ['general.architecture', 'string', 'llama'],
    ['general.name', 'string', 'tiny'],
    ['general.quantization_version', 'u32', 2],
    ['llama.block_count', 'u32', shape.layers],
    ['llama.context_length', 'u32', shape.context],
    ['llama.embedding_length', 'u32', shape.hidden],
    ['llama.feed_forward_length', 'u32', shape.inner],
    ['llama.attention.head_count', 'u32', shape.heads],
    ['llama.attention.head_count_kv', 'u32', shape.kvHeads],
    ['llama.attention.layer_norm_rms_epsilon', 'f32', shape.epsilon],
    ['llama.rope.freq_base', 'f32', shape.ropeBase],
    ['llama.rope.dimension_count', 'u32', shape.headSize],
    ['llama.vocab_size', 'u32', shape.vocabulary],
    ['tokenizer.ggml.model', 'string', 'gpt2'],
    ['tokenizer.ggml.pre', 'string', 'smollm'],
    ['tokenizer.ggml.tokens', 'string', tokens],
    ['tokenizer.ggml.token_type', 'i32', types],
    ['tokenizer.ggml.merges', 'string', merges],
    ['tokenizer.ggml.bos_token_id', 'u32', 1],
    ['tokenizer.ggml.eos_token_id', 'u32', 2],
    ['tokenizer.ggml.padding_token_id', 'u32', 2],
    ['tokenizer.ggml.unknown_token_id', 'u32', 0],
    ['tokenizer.ggml.add_bos_token', 'bool', false],
    ['tokenizer.ggml.add_space_prefix', 'bool', false],
    ['tokenizer.chat_template', 'string', CHAT_TEMPLATE],
  ];
}

/** Normally distributed numbers from a seed (Box–Muller). */
function normals(seed: number): () => number {
  const random = seededRandom(seed);
  const uniform = () => random() + 2 ** -33;
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
