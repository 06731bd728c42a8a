/**
 * What a lowered pipeline leaves in JavaScript: the functions, iterables and consumers that the plan names by number.
 *
 * `lower()` fills the list; the place of a host in it is the `host` of its plan node.
 */
import type { Batch } from '../arrow/batch.ts';
import type { Row } from '../arrow/rows.ts';
import type { Field } from '../plan/generated.ts';

/** Anything arrow-js calls a `RecordBatch` or a `Table`, of whichever copy of the package; told apart by structure. */
export interface ForeignArrow {
  readonly schema: { readonly fields: readonly unknown[] };
  readonly numRows: number;
}

/** Columns by name: a typed array, or an array of values, one value per row. */
export type ColumnData = Readonly<Record<string, ArrayLike<unknown>>>;

/** Rows in one of the forms a user may hand over: row objects, Arrow data, a batch of ours, or columns by name. */
export type Rows = readonly Row[] | ForeignArrow | Batch | ColumnData;

/** A flat map's answer per batch: the rows, and for each the number of the input row it came from. */
export interface FlatMapped {
  readonly rows: Rows;
  readonly parents: ArrayLike<number>;
}

type Awaitable<T> = T | Promise<T>;

/** A JavaScript function over rows or batches; `form` and `mode` say which of the shapes `call` has. */
export type HostMap = {
  readonly kind: 'map';
  /** The columns the function sees. */
  readonly input: readonly Field[];
  /** The columns it returns. */
  readonly output: readonly Field[];
  readonly timeoutMs: number;
  /** How many batches of a subtask may be with the function at once. */
  readonly inFlight: number;
} & (
  | { readonly form: 'batch'; readonly mode: 'map'; readonly call: (batch: Batch) => Awaitable<Rows> }
  | {
      readonly form: 'batch';
      readonly mode: 'flatMap';
      readonly call: (batch: Batch) => Awaitable<FlatMapped>;
    }
  | { readonly form: 'row'; readonly mode: 'map'; readonly call: (row: Row) => Awaitable<Row> }
  | { readonly form: 'row'; readonly mode: 'flatMap'; readonly call: (row: Row) => Awaitable<Iterable<Row>> }
);

/** The consumer of a sink that hands batches to JavaScript; see `consumers.ts` for the ones we bring. */
export interface SinkConsumer {
  /** Before the first batch of a run. */
  start?(): void;
  /** Takes a batch, which stays valid for good; the sink is held back until the promise resolves. */
  consume(batch: Batch): Awaitable<void>;
  /** After the last batch of a run that finished or was stopped. */
  finish?(): Awaitable<void>;
  /** Instead of `finish` when the run failed or was cancelled. */
  fail?(error: unknown): void;
}

/** A sink that hands batches to JavaScript. */
export interface HostSink {
  readonly kind: 'sink';
  /** The columns of a batch; with `changelog` the first one is `op`. */
  readonly schema: readonly Field[];
  readonly consumer: SinkConsumer;
}

/** What a user's iterable yields: a row, or a group of rows. */
export type SourceItem = Row | Rows;

/** A source that pulls from JavaScript; read once, so it cannot be replayed. */
export interface HostSource {
  readonly kind: 'source';
  readonly schema: readonly Field[];
  /** Single rows, or groups of rows in any of the forms. */
  readonly iterable: AsyncIterable<SourceItem> | Iterable<SourceItem>;
}

/** Something in JavaScript that the plan names by number. */
export type Host = HostMap | HostSink | HostSource;

/** Rows in memory for the plan's table source of the same number; they are copied when the job is created. */
export interface HostTable {
  readonly schema: readonly Field[];
  readonly rows: Rows;
}
