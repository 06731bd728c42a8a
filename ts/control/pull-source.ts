/** A user's iterable as a source: rows are pulled when the engine asks, and gathered into batches. */
import { Batch } from '../arrow/batch.ts';
import { isArrow } from '../arrow/from-arrow.ts';
import type { Row } from '../arrow/rows.ts';
import { type Chunk, toChunks } from '../arrow/to-arrays.ts';
import type { Field } from '../plan/generated.ts';
import type { HostSource } from './hosts.ts';

/** How long single rows are gathered before a batch is handed over although it is not full. */
const GATHER_MS = 10;

/** Reads an iterable once, group by group. */
export class PullSource {
  readonly #source: HostSource;
  readonly #batchRows: number;
  #iterator: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  /** A `next()` that was asked for but has not been used. */
  #pending: Promise<IteratorResult<unknown>> | undefined;
  /** Groups that came before they could be handed over; at most one item of the iterable. */
  readonly #chunks: Chunk[] = [];
  #ended = false;

  constructor(source: HostSource, batchRows: number) {
    this.#source = source;
    this.#batchRows = batchRows;
  }

  /** The next rows, never none; null at the end. Rejects with what the iterable throws, or a `ShapeError`. */
  async next(): Promise<Chunk | null> {
    const rows: Row[] = [];
    const timer = new Timer(GATHER_MS);
    try {
      while (this.#chunks.length === 0 && !this.#ended && rows.length < this.#batchRows) {
        const result = await this.#step(rows.length === 0 ? null : timer);
        if (result === null) break;
        if (result.done) this.#ended = true;
        else if (isGroup(this.#source.schema, result.value)) {
          const chunks = toChunks(this.#source.schema, result.value);
          this.#chunks.push(...chunks.filter((chunk) => chunk.numRows > 0));
        } else rows.push(result.value as Row);
      }
    } finally {
      timer.clear();
    }
    const [chunk] = rows.length > 0 ? toChunks(this.#source.schema, rows) : this.#chunks.splice(0, 1);
    return chunk ?? null;
  }

  /** The next item of the iterable; null when `timer` went off first. */
  async #step(timer: Timer | null): Promise<IteratorResult<unknown> | null> {
    this.#iterator ??= open(this.#source.iterable);
    this.#pending ??= Promise.resolve(this.#iterator.next());
    const result =
      timer === null ? await this.#pending : await Promise.race([this.#pending, timer.promise()]);
    if (result !== null) this.#pending = undefined;
    return result;
  }

  /** Tells the iterable that nobody will read on. */
  close(): void {
    if (this.#ended || this.#iterator === undefined) return;
    this.#ended = true;
    // Not awaited: a generator that waits inside for something that never comes would hold the job back.
    const settle = () => {};
    this.#pending?.then(settle, settle);
    try {
      Promise.resolve(this.#iterator.return?.()).then(settle, settle);
    } catch {
      // The job ends whatever the iterable says to that.
    }
  }
}

/** Whether an item of the iterable is a group of rows rather than one row. */
function isGroup(fields: readonly Field[], item: unknown): boolean {
  if (Array.isArray(item) || item instanceof Batch || isArrow(item)) return true;
  // An object is a row, unless it holds an array where a row could not: then it holds columns.
  const single = fields.find(({ data }) => data.type !== 'list' && data.type !== 'binary');
  if (single === undefined || typeof item !== 'object' || item === null) return false;
  const value = (item as Row)[single.name];
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function open(iterable: HostSource['iterable']): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in iterable ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
}

/** A timer that starts when it is first waited for. */
class Timer {
  readonly #ms: number;
  #handle: NodeJS.Timeout | undefined;
  #promise: Promise<null> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  promise(): Promise<null> {
    this.#promise ??= new Promise((resolve) => {
      this.#handle = setTimeout(() => resolve(null), this.#ms);
    });
    return this.#promise;
  }

  clear(): void {
    clearTimeout(this.#handle);
  }
}
