/** The tokens of a model, read from its GGUF metadata and checked. */
import { damaged, unsupported } from '../gguf/damaged.ts';
import type { Gguf } from '../gguf/gguf.ts';
import { BYTES } from './byte-letters.ts';

/** Kinds of tokens, as they stand in the file. */
const NORMAL = 1;
const CONTROL = 3;

/** A merge: two neighbouring tokens become `result`; the lowest rank goes first. */
export interface Merge {
  readonly rank: number;
  readonly result: number;
}

/** What a byte-level BPE vocabulary says. */
export interface Vocabulary {
  readonly size: number;
  /** The bytes of each token; empty for control tokens, which have no text. */
  readonly bytes: readonly Uint8Array[];
  /** The text of each control token, and its id. */
  readonly controls: ReadonlyMap<string, number>;
  /** The token of each single byte; −1 for bytes that the vocabulary does not have. */
  readonly byteTokens: Int32Array;
  /** Merges by `left · size + right`. */
  readonly merges: ReadonlyMap<number, Merge>;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  /** Whether a text begins with `bos` where the caller asks for no template. */
  readonly addBos: boolean;
}

/** Reads the vocabulary; a tokenizer of another kind is refused by name. */
export function readVocabulary(gguf: Gguf): Vocabulary {
  refuseOthers(gguf);
  const { metadata, source } = gguf;
  const tokens = metadata.texts('tokenizer.ggml.tokens');
  const types = metadata.numbers('tokenizer.ggml.token_type');
  if (types.length !== tokens.length) {
    throw damaged(source, `it has ${tokens.length} tokens, and ${types.length} types of tokens`);
  }
  const controls = new Map<string, number>();
  const ids = new Map<string, number>();
  const bytes = tokens.map((token, id) => {
    const type = types[id];
    if (type !== NORMAL && type !== CONTROL) {
      throw unsupported(
        source,
        `token ${id} is of type ${type}, and normal and control tokens are supported`,
      );
    }
    const kind = type === CONTROL ? controls : ids;
    if (token === '' || kind.has(token)) throw damaged(source, `token ${id} is empty or there twice`);
    kind.set(token, id);
    return type === CONTROL
      ? new Uint8Array(0)
      : tokenBytes(token, (what) => damaged(source, `token ${id} ${what}`));
  });
  const byteTokens = new Int32Array(256).fill(-1);
  for (const [letter, byte] of BYTES) byteTokens[byte] = ids.get(letter) ?? -1;
  const optionalId = (name: string) => {
    const id = metadata.whole(`tokenizer.ggml.${name}_token_id`, undefined);
    if (id !== undefined && id >= tokens.length)
      throw damaged(source, `the ${name} token ${id} does not exist`);
    return id;
  };
  return {
    size: tokens.length,
    bytes,
    controls,
    byteTokens,
    merges: readMerges(gguf, ids, tokens.length),
    bos: optionalId('bos'),
    eos: optionalId('eos'),
    addBos: metadata.flag('tokenizer.ggml.add_bos_token', false),
  };
}

function refuseOthers({ metadata, source }: Gguf): void {
  const model = metadata.text('tokenizer.ggml.model');
  if (model !== 'gpt2')
    throw unsupported(source, `its tokenizer is '${model}', and 'gpt2' (byte-level BPE) is supported`);
  const pre = metadata.text('tokenizer.ggml.pre', 'default');
  if (pre !== 'smollm') throw unsupported(source, `its pre-tokenizer is '${pre}', and 'smollm' is supported`);
  for (const key of ['add_space_prefix', 'add_eos_token', 'add_sep_token', 'remove_extra_whitespaces']) {
    if (metadata.flag(`tokenizer.ggml.${key}`, false)) {
      throw unsupported(source, `tokenizer.ggml.${key} is set, and is not supported`);
    }
  }
}

function tokenBytes(token: string, damage: (what: string) => Error): Uint8Array {
  return Uint8Array.from([...token], (letter) => {
    const byte = BYTES.get(letter);
    if (byte === undefined) throw damage(`has the letter '${letter}', which stands for no byte`);
    return byte;
  });
}

function readMerges({ metadata, source }: Gguf, ids: ReadonlyMap<string, number>, size: number) {
  const merges = new Map<number, Merge>();
  for (const [rank, text] of metadata.texts('tokenizer.ggml.merges').entries()) {
    const space = text.indexOf(' ');
    const left = ids.get(text.slice(0, space));
    const right = ids.get(text.slice(space + 1));
    const result = ids.get(text.slice(0, space) + text.slice(space + 1));
    if (space < 1 || left === undefined || right === undefined || result === undefined) {
      throw damaged(source, `merge ${rank}, '${text}', is not about two tokens that make a third`);
    }
    const pair = left * size + right;
    // Of a pair that is there twice the later rank counts, as in other readers of such lists.
    merges.set(pair, { rank, result });
  }
  return merges;
}
