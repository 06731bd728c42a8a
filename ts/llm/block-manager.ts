/**
 * The paged KV cache as the scheduler sees it: sequences that hold blocks, and runs that are transactions.
 *
 * The bookkeeping is native (`crates/kv`, which documents the rules); the bytes are the runner's. A step of the engine:
 *
 * 1. {@link BlockManager.probe} says for each waiting sequence what is cached and whom to wait for.
 * 2. {@link BlockManager.reserve} takes what one run needs, or says how many blocks are missing; then the scheduler
 *    {@link BlockManager.release}s a sequence (preemption; it is computed again later) or runs less.
 * 3. The runner copies `copies`, reads `tables`, and writes the keys and values of each position to its slot.
 * 4. {@link BlockManager.commit} keeps what each row computed; {@link BlockManager.rollBack} forgets the run.
 *
 * Two crossings a run. All methods throw `HR_INTERNAL` for calls that no correct engine makes, such as the number of a closed
 * sequence, or of a run that has ended; nothing has changed then.
 */
import { createHash } from 'node:crypto';
import { type BindingBlockManager, native } from '../binding.ts';
import { fromNative, HeadraceError } from '../errors.ts';

/** How large the cache is. A value out of its range is `HR_OPTION_INVALID`. */
export interface BlockManagerOptions {
  /** Blocks of the pool, the null block 0 included; at least 2, and at most 2^26 tokens in all. */
  readonly blocks: number;
  /** Tokens in a block, 1 to 1,024; 16 unless told. */
  readonly blockTokens?: number;
  /** Sequences that may be open, waiting ones included, 1 to 65,535; 1,024 unless told. */
  readonly sequences?: number;
  /** Blocks that stay free when a run admits a sequence while others hold blocks; none unless told. */
  readonly watermark?: number;
  /** Whether sequences share equal prefixes; yes unless told. */
  readonly prefixCache?: boolean;
}

/** What a run would find for each sequence asked about, in the same order. */
export interface Probe {
  /** Tokens that need not be computed: at most all but the last. */
  readonly cached: Uint32Array;
  /** Blocks among those found that are free now and would not be any more. */
  readonly idle: Uint32Array;
  /** The sequence to wait for, because it computes the block that this one needs next; 0 for none. */
  readonly leaders: Uint32Array;
}

/** A run that may go ahead. The arrays are views of one buffer. */
export interface Reservation {
  readonly kind: 'run';
  /** Under this number it is committed or rolled back. */
  readonly run: number;
  /** By row: the first position to compute. */
  readonly starts: Int32Array;
  /** By row: how many positions to compute; fewer than asked for where more was found than the sequence had. */
  readonly counts: Int32Array;
  /** Blocks in a row of `tables`. */
  readonly width: number;
  /** Rows × `width` numbers of blocks, padded with the null block 0. */
  readonly tables: Int32Array;
  /** Row after row, for each position to compute: block × `blockTokens` + place in the block. */
  readonly slots: Int32Array;
  /** Pairs of blocks (from, to) to be copied before the run. */
  readonly copies: Int32Array;
}

/** A run for which so many free blocks are missing, the watermark included where it counts. Nothing has changed. */
export interface Shortage {
  readonly kind: 'short';
  readonly missing: number;
}

/** The full, computed blocks of a sequence. */
export interface ExportedBlocks {
  /** Their numbers; the bytes stay there at least until the sequence is released or closed. */
  readonly blocks: Uint32Array;
  /** Block after block, their tokens. */
  readonly tokens: Uint32Array;
  /** Block after block, 32 bytes: SHA-256 of the name of the block before (first the salt) and the tokens. */
  readonly names: Uint8Array;
}

/** The names of {@link Counters}, in the order in which they cross the border. */
const COUNTERS = [
  'blocks',
  'free',
  'cached',
  'used',
  'sequences',
  'queries',
  'hits',
  'misses',
  'computed',
  'allocations',
  'evictions',
  'copies',
  'duplicates',
] as const;

/**
 * How full the pool is: `free + used + 1` (the null block) = `blocks`, and `cached` of the free ones have content. Then sums
 * since the start: tokens looked up, found, not found and computed; blocks allocated, evicted, copied on write, and given
 * up for an equal one.
 */
export type Counters = { readonly [name in (typeof COUNTERS)[number]]: number };

/** A digest of what must be equal for requests to share blocks, such as model, adapter and tenant. */
export function saltOf(...parts: readonly string[]): Uint8Array {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

/** The block manager of one engine, for one thread. */
export class BlockManager {
  readonly #native: BindingBlockManager;
  readonly blockTokens: number;

  constructor(options: BlockManagerOptions) {
    const { blocks, blockTokens = 16, sequences = 1024, watermark = 0, prefixCache = true } = options;
    for (const [name, value] of Object.entries({ blocks, blockTokens, sequences, watermark }))
      whole(name, value);
    this.blockTokens = blockTokens;
    const make = () => new native.BindingBlockManager(blocks, blockTokens, sequences, watermark, prefixCache);
    this.#native = asking(make);
  }

  /**
   * Opens a sequence with the tokens known so far, which may grow to `limit` tokens; its number, never 0.
   * It holds no block until a run admits it. Throws `HR_KV_CAPACITY` if it can never fit, or too many are open.
   */
  open(tokens: Uint32Array, limit: number, salt: Uint8Array): number {
    whole('limit', limit);
    return asking(() => this.#native.open(tokens, limit, salt));
  }

  /**
   * Opens a sequence with the first `keep` tokens of another and `tail` behind them, for one more choice of a request. It holds
   * the same blocks; whoever writes into a shared one first gets a copy. `keep` covers what is computed.
   */
  fork(parent: number, keep: number, tail: Uint32Array): number {
    return asking(() => this.#native.fork(parent, keep, tail));
  }

  /** Looks sequences up without changing anything; who is asked about first leads those that follow. */
  probe(sequences: Uint32Array): Probe {
    const words = asking(() => this.#native.probe(sequences));
    const [cached, idle, leaders] = parts(words, 0, Array(3).fill(sequences.length));
    return { cached, idle, leaders } as Probe;
  }

  /** Reserves a run of one row per sequence, with `counts` positions to compute in each. */
  reserve(sequences: Uint32Array, counts: Uint32Array): Reservation | Shortage {
    const words = asking(() => this.#native.reserve(sequences, counts));
    const [run = 0, width = 0, positions = 0, copied = 0] = words;
    if (run === 0) return { kind: 'short', missing: width };
    const rows = sequences.length;
    const lengths = [rows, rows, rows * width, positions, copied];
    const [starts, rowCounts, tables, slots, copies] = parts(words, 4, lengths);
    // Numbers of runs use all 32 bits.
    return {
      kind: 'run',
      run: run >>> 0,
      starts,
      counts: rowCounts,
      width,
      tables,
      slots,
      copies,
    } as Reservation;
  }

  /**
   * Ends a run whose results are written. By row: the first `kept` positions are computed now, and `appended` new tokens,
   * taken in turn from `tokens`, are known. A row that keeps nothing has failed, and the others do not notice.
   */
  commit(run: number, kept: Uint32Array, appended: Uint32Array, tokens: Uint32Array): void {
    asking(() => this.#native.commit(run, kept, appended, tokens));
  }

  /** Ends a run as if it had never been reserved; `written` if bytes may have been written to its slots. */
  rollBack(run: number, written: boolean): void {
    asking(() => this.#native.rollBack(run, written));
  }

  /** Takes all blocks from sequences, which keep their tokens; how many blocks became free. */
  release(sequences: Uint32Array): number {
    return asking(() => this.#native.release(sequences));
  }

  /** Releases sequences and forgets them; how many blocks became free. */
  close(sequences: Uint32Array): number {
    return asking(() => this.#native.close(sequences));
  }

  /** The full, computed blocks of a sequence, to be stored or sent. */
  exportBlocks(sequence: number): ExportedBlocks {
    const words = asking(() => this.#native.exportBlocks(sequence));
    const [count = 0] = words;
    const [blocks, tokens, names] = parts(words, 1, [count, count * this.blockTokens, count * 8]);
    return {
      blocks,
      tokens,
      names: new Uint8Array(words.buffer, names?.byteOffset, count * 32),
    } as ExportedBlocks;
  }

  /**
   * Opens a sequence for blocks from elsewhere. Reserve it, write the bytes from `starts` on, commit, and close it: they
   * can be found. Throws `HR_DATA_CORRUPT` if the tokens do not have these names under this salt.
   */
  importBlocks(blocks: Omit<ExportedBlocks, 'blocks'>, limit: number, salt: Uint8Array): number {
    whole('limit', limit);
    return asking(() => this.#native.importBlocks(blocks.tokens, blocks.names, limit, salt));
  }

  /** Drops the content of all free blocks; how many had some. */
  resetPrefixCache(): number {
    return asking(() => this.#native.reset());
  }

  /** How many blocks are free, which is asked in every step. */
  get free(): number {
    return this.#native.free();
  }

  /** How full the pool is and what was done; O(1). */
  counters(): Counters {
    const values = this.#native.counters();
    return Object.fromEntries(COUNTERS.map((name, at) => [name, values[at]])) as Counters;
  }
}

/** Views of the parts of an array that lie one behind the other. */
function parts<T extends Int32Array | Uint32Array>(words: T, from: number, lengths: readonly number[]): T[] {
  let at = from;
  return lengths.map((length) => {
    at += length;
    return words.subarray(at - length, at) as T;
  });
}

// The border would silently take -1 for 4,294,967,295 and 1.5 for 1.
function whole(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return;
  throw new HeadraceError('HR_OPTION_INVALID', `${name} is ${value}, which is no whole number of 32 bits`);
}

function asking<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw fromNative(error);
  }
}
