/**
 * The native binding: its interface, and the loader that finds it.
 *
 * Everything structured crosses as JSON text (but for runs of the KV cache and rows to sample, which are plain numbers); rows cross as an *arena* (one buffer) with its *layout*, see
 * `crates/formats/src/arena.rs`. The engine writes into arenas of ours, and gathers its own from the buffers we list.
 * Native errors arrive as `Error` whose message is the JSON of `{code, message, hint?, place?}`; `errors.ts` turns them
 * into `HeadraceError`.
 */
import { createRequire } from 'node:module';
import { HeadraceError } from './errors.ts';

/**
 * Where the buffers of a batch lie in its arena, or will once the engine has gathered them (each behind the other at the
 * next multiple of 64): a pre-order walk over the columns; for each array its length, its
 * null count, its number of buffers, then offset and byte length of each buffer, then its children the same way.
 */
export type Layout = Float64Array;

/** A request of the engine to the host, taken with {@link BindingJob.takeCall}. */
export interface BindingCall {
  /** The number under which it is completed. */
  readonly id: number;
  /** The host's number for the function, iterable or consumer, as written in the plan. */
  readonly host: number;
  /** The subtask that asks. */
  readonly subtask: number;
  /** `map`: answer with rows; `sink`: consume the rows; `pull`: answer with the next rows of an iterable. */
  readonly kind: 'map' | 'sink' | 'pull';
  /** Rows of the batch (0 for `pull`). */
  readonly rows: number;
  /** Bytes that an arena for the batch needs (0 for `pull`). */
  readonly bytes: number;
}

/** The part of a job or driver through which host calls go. */
export interface CallPort {
  /** The next request to the host, or null. */
  takeCall(): BindingCall | null;
  /** Copies the batch of a taken call into `arena`, and writes into `layout`, which may be longer, where its buffers are. */
  readCall(id: number, arena: Uint8Array, layout: Layout): void;
  /**
   * Answers a call. `sink` answers with no rows; `pull` answers with rows or, at the end, with null; `map` answers
   * with rows, and for a flat map with the input row of each output row in `parents`. Copies the buffers.
   */
  completeCall(
    id: number,
    layout: Layout | null,
    buffers: Uint8Array[] | null,
    parents: Uint32Array | null,
  ): void;
  /** Fails a call, and with it the job; `error` is the JSON of `{code, message, hint?, row?}` (`row` within the batch). */
  failCall(id: number, error: string): void;
}

/** A job: subtasks on native threads, driven by the coordinator. */
export interface BindingJob extends CallPort {
  /** Hands over rows in memory for the plan's `tableSource` number `table`; call before `start`. Copies the buffers. */
  addTable(table: number, schema: string, layout: Layout, buffers: Uint8Array[]): void;
  /** Starts all subtasks; `manifest` is the JSON of the checkpoint to restore, or null. */
  start(manifest: string | null): void;
  /** Asks the sources for barrier `checkpoint`; `periodic` goes on, `stop` and `final` end the job behind it. */
  trigger(checkpoint: number, kind: 'periodic' | 'stop' | 'final'): void;
  /** Stops all subtasks at their next step, without a checkpoint. */
  cancel(): void;
  /** The events since the last call, as a JSON array of {@link JobEvent}. */
  takeEvents(): string;
  /** Counters and gauges, as the JSON of `JobMetrics`. */
  metrics(): string;
  /** Resolves when every native thread of the job has ended; after it the object holds nothing. */
  join(): Promise<void>;
}

/** A state file of a checkpoint. */
export interface StateFile {
  readonly uid: string;
  readonly subtask: number;
  readonly part: string;
  readonly file: string;
  readonly bytes: number;
  readonly checksum: string;
}

/** Something a sink prepared, to be committed once the checkpoint is durable. */
export interface Committable {
  readonly uid: string;
  readonly subtask: number;
  /** `pending` is renamed to `final`; both lie in `folder`. */
  readonly folder: string;
  readonly pending: string;
  readonly final: string;
  /** A file without rows is there for its schema, in case that the whole sink has had none. */
  readonly rows: number;
  readonly bytes: number;
  readonly checksum: string;
}

/** The position of a source, to be handed back on restore. */
export interface SourcePosition {
  readonly uid: string;
  readonly subtask: number;
  readonly position: unknown;
}

/** The counters of one subtask of one operator in one run; a watermark is text, because it needs all 64 bits. */
export interface OperatorCounters {
  readonly uid: string;
  readonly name: string;
  readonly subtask: number;
  readonly counters: Readonly<Record<string, number | string>>;
}

/** What one subtask contributes to a checkpoint. */
export interface Ack {
  readonly event: 'ack';
  readonly checkpoint: number;
  readonly subtask: number;
  readonly files: readonly StateFile[];
  readonly committables: readonly Committable[];
  readonly positions: readonly SourcePosition[];
  /** What its operators had counted when the barrier had passed them. */
  readonly operators: readonly OperatorCounters[];
  /** How long the stream stood still for the freeze; µs. */
  readonly frozenMicros: number;
}

/** What the engine tells the coordinator. */
export type JobEvent =
  | Ack
  /** A source subtask has read its input to the end and waits for the final barrier. */
  | { readonly event: 'exhausted'; readonly subtask: number }
  /** A subtask has ended cleanly. */
  | { readonly event: 'finished'; readonly subtask: number }
  /** A subtask could not write its part of a checkpoint. */
  | {
      readonly event: 'declined';
      readonly checkpoint: number;
      readonly subtask: number;
      readonly error: unknown;
    }
  /** The job has failed; all subtasks are stopping. */
  | { readonly event: 'failed'; readonly error: unknown };

/** A checkpoint folder, held by this process. */
export interface BindingStore {
  /** The newest durable checkpoint as the JSON of `{sequence, committed, manifest}`, its files verified; or null. */
  latest(): Promise<string | null>;
  /** Writes a manifest under the next number of the sequence, durably, and returns that number; else `HR_FENCED`. */
  put(manifest: string): Promise<number>;
  /** Writes the marker that all committables of manifest `sequence` are committed. */
  mark(sequence: number): Promise<void>;
  /** Removes manifests below `keep`, and state files that no manifest from `keep` on names. */
  retire(keep: number): Promise<void>;
  /** Removes all manifests and state files of headrace (`--fresh`); foreign files stay. */
  clear(): Promise<void>;
  /** Releases the lock. */
  close(): void;
}

/** A pipeline under test: one thread, one step at a time, no clock but the one that is set. */
export interface BindingDriver extends CallPort {
  /** Pushes rows into the plan's source node number `node`. */
  push(node: number, layout: Layout, buffers: Uint8Array[]): void;
  /** Moves the watermark of source node `node` up to `time`. */
  advanceWatermark(node: number, time: bigint): void;
  /** Ends source node `node`. */
  finish(node: number): void;
  /** Sets the clock, by which partitions become idle; µs. */
  setClock(now: bigint): void;
  /** Runs steps until nothing moves or a call to the host is open. */
  run(): void;
  /** Takes a checkpoint, throws every operator away and restores from the checkpoint, at another parallelism if given. */
  crashAndRestore(parallelism: number | null): void;
  metrics(): string;
}

/** The memory that the process has of its own at the moment at which this is made; none where the system does not tell. */
export interface BindingMappings {
  /** Puts large pages under the large parts mapped since then, with what is in them; the bytes for which that was done. */
  enlargePagesSince(): number;
}

/**
 * The bookkeeping of a paged KV cache (`crates/kv`), used through `llm/block-manager.ts`. Sequences go by number, salts and
 * names of blocks have 32 bytes. Everything is synchronous, and arrays that are returned are the caller's.
 */
export interface BindingBlockManager {
  open(tokens: Uint32Array, limit: number, salt: Uint8Array): number;
  fork(parent: number, keep: number, tail: Uint32Array): number;
  importBlocks(tokens: Uint32Array, names: Uint8Array, limit: number, salt: Uint8Array): number;
  /** For n sequences n cached tokens, then n counts of idle blocks, then n leaders. */
  probe(sequences: Uint32Array): Uint32Array;
  /**
   * `[0, missing]`, or the run's number, width, number of slots and of entries of copies, then starts, counts, tables, slots
   * and copies.
   */
  reserve(sequences: Uint32Array, counts: Uint32Array): Int32Array;
  commit(run: number, kept: Uint32Array, appended: Uint32Array, tokens: Uint32Array): void;
  rollBack(run: number, written: boolean): void;
  release(sequences: Uint32Array): number;
  close(sequences: Uint32Array): number;
  /** The number of blocks, then the blocks, their tokens, and their names in words whose bytes are the name's. */
  exportBlocks(sequence: number): Uint32Array;
  reset(): number;
  /** How many blocks are free. */
  free(): number;
  /** In the order of `COUNTERS`. */
  counters(): Float64Array;
}

/** Chooses tokens from logits (`crates/sample`), used through `llm/sampler.ts`. Synchronous; all arrays are borrowed for the call. */
export interface BindingSampler {
  /**
   * Samples rows of `vocabulary` logits each. By row: 6 `numbers` (temperature, top_p, min_p, and the penalties for repetition,
   * presence and frequency), 8 `words` (the row in `logits`, top_k, first choice, choices, position, 0 or 1 + how many of the
   * likeliest are wanted, the lower and the upper half of the seed), and a list in each of the others.
   *
   * Returns row after row: 0 and the token of each choice; then, if they are wanted, the logprob of each, the number of the
   * likeliest, and these as pairs of token and logprob. Or 1, if a logit is no finite number, or 2, if nothing is left.
   */
  sample(
    logits: Float32Array,
    vocabulary: number,
    numbers: Float64Array,
    words: Uint32Array,
    biased: readonly Uint32Array[],
    biases: readonly Float64Array[],
    banned: readonly Uint32Array[],
    prompts: readonly Uint32Array[],
    outputs: readonly Uint32Array[],
  ): Float64Array;
}

/** What the native library exports. */
export interface Native {
  /** The library's version, equal to the package's. */
  version(): string;
  /** The columns of a Parquet file, as the JSON of `Field[]`. */
  parquetSchema(path: string): string;
  /** Checks a plan and compiles it; the JSON of `CompiledPlan` (`plan/compiled.ts`). */
  compile(plan: string, options: string): string;
  BindingJob: new (
    plan: string,
    options: string,
    run: string,
    checkpoints: string | null,
    wake: () => void,
  ) => BindingJob;
  BindingDriver: new (plan: string, options: string) => BindingDriver;
  BindingBlockManager: new (
    blocks: number,
    blockTokens: number,
    sequences: number,
    watermark: number,
    prefixCache: boolean,
  ) => BindingBlockManager;
  BindingSampler: new () => BindingSampler;
  BindingMappings: new () => BindingMappings;
  /** Opens and locks a checkpoint folder; creates it when it is missing. */
  openStore(folder: string): Promise<BindingStore>;
  /** Renames pending files to their final names, idempotently; `committables` is the JSON of `Committable[]`. */
  commit(committables: string): Promise<void>;
  /** Removes pending files that nobody needs after all, idempotently; the JSON of `Committable[]`. */
  discard(committables: string): Promise<void>;
  /**
   * Removes files of our naming scheme in `folder` that belong to no committed checkpoint of `lineage` (the JSON of
   * `{keep: string[]}`, final file names), and nothing else.
   */
  withdraw(folder: string, lineage: string): Promise<void>;
  /**
   * Writes the first `kept[i]` of the `counts[i]` positions of each row of `newKv` (row, position, part, float) to their slots in
   * `pool` (block, part, slot, float), which is other memory. `sizes` are the parts of a token, the slots of a block, the
   * floats of a part, and the positions of a row. All is borrowed for the call.
   */
  scatterKv(
    pool: Float32Array,
    newKv: Float32Array,
    sizes: Uint32Array,
    counts: Uint32Array,
    kept: Uint32Array,
    slots: Int32Array,
  ): void;
  /** Copies blocks of `pool`, pair after pair. */
  copyBlocks(pool: Float32Array, blockFloats: number, copies: Int32Array): void;
  /** Asks the system for large pages under a pool that is still to be written; it may have none. */
  preferLargePages(pool: Float32Array): void;
  /** Has the system find memory for `count` floats from `start` on, or for those that there are; whether it did. O(count). */
  populate(pool: Float32Array, start: number, count: number): boolean;
  /** Encodes the batch in `buffers` as an Arrow IPC stream. */
  encodeIpc(schema: string, layout: Layout, buffers: Uint8Array[]): Uint8Array;
}

const require = createRequire(import.meta.url);

/** The package that carries the native library for this platform, such as `headrace-linux-x64-gnu`. */
export function platformPackage(): string {
  const { platform, arch } = process;
  if (platform !== 'linux') return `headrace-${platform}-${arch}`;
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return `headrace-linux-${arch}-${report.header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}

function load(): Native {
  const attempts: unknown[] = [];
  // In the checkout the library lies where the build put it; in an installation it is a package of its own.
  for (const name of ['../bindings/node/headrace.node', platformPackage()]) {
    try {
      return require(name) as Native;
    } catch (cause) {
      attempts.push(cause);
    }
  }
  const { platform, arch } = process;
  throw new HeadraceError(
    'HR_NATIVE_MISSING',
    `There is no native library for ${platform}-${arch} that can be loaded.`,
    {
      hint:
        `Install the optional package ${platformPackage()} (was npm run with --omit=optional?), or build it with ` +
        '`npm run build` in a checkout.',
      cause: new AggregateError(attempts, attempts.map(String).join('; ')),
    },
  );
}

let loaded: Native | undefined;

/**
 * The native library, loaded when it is first asked for something: types and pipelines do without it, so importing
 * headrace must not fail where it is missing. Using it there throws `HR_NATIVE_MISSING`.
 */
export const native: Native = new Proxy({} as Native, {
  get(_, name) {
    loaded ??= load();
    return loaded[name as keyof Native];
  },
});
