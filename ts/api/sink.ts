/** Where rows go. */
import type { Batch } from '../arrow/batch.ts';
import { batchStream, callback as callingBack, collector, consoleTable } from '../control/consumers.ts';
import type { SinkConsumer } from '../control/hosts.ts';
import { HeadraceError } from '../errors.ts';
import type { Draft, Edge } from './draft.ts';
import { type InMode, Output, type Sink, type SinkMode, type SinkOptions, sinkDraft } from './output.ts';

/** An output that keeps its rows in memory. */
export class Collected<R extends object> extends Output {
  /** The rows of the latest run, in the order in which they arrived. Complete once the job is done. */
  readonly rows: readonly R[];

  constructor(draft: Draft, rows: readonly R[]) {
    super(draft);
    this.rows = rows;
  }
}

/** An output to go through with `for await`, while the job runs. Leaving the loop early ends the job. */
export class BatchOutput<R extends object> extends Output implements AsyncIterable<Batch<R>> {
  readonly #batches: AsyncIterableIterator<Batch<R>>;
  #leave: () => void = () => {};

  constructor(input: Edge, changelog: boolean) {
    // The handler is set when the job begins, which is after the output was made.
    const { consumer, batches } = batchStream<R>(() => this.#leave());
    super(hostDraft(input, 'batches', consumer, changelog));
    this.#batches = batches;
  }

  /** @internal What ends the job when the loop is left early; set by the job. */
  onLeave(handler: () => void): void {
    this.#leave = handler;
  }

  [Symbol.asyncIterator](): AsyncIterator<Batch<R>> {
    return this.#batches;
  }
}

/** Options of sinks that hold or show a limited number of rows. */
export interface LimitedSinkOptions<M extends SinkMode = SinkMode> extends SinkOptions<M> {
  /** The number of rows. */
  readonly limit?: number;
}

/**
 * Parquet files in a folder, each committed with the checkpoint that contains it: exactly once, crashes included.
 * Without checkpoints they are committed when the job ends.
 */
function parquet(path: string, options: SinkOptions = {}): Sink<object, Output> {
  if (typeof path !== 'string' || path === '') {
    throw new HeadraceError('HR_OPTION_INVALID', 'sink.parquet() takes the path of a folder.');
  }
  const changelog = isChangelog(options);
  const part = { name: `parquet(${path})`, op: { op: 'parquetSink', path, changelog } } as const;
  return { attach: (input) => new Output(sinkDraft(input, part, changelog)) };
}

/**
 * Keeps all rows in memory: `const out = stream.to(sink.collect())`, and after the job `out.rows`. More rows than
 * `limit`, 10 million by default, fail the job.
 */
function collect<R extends object, M extends SinkMode = 'append'>(
  options: LimitedSinkOptions<M> = {},
): Sink<R, Collected<InMode<R, M>>> {
  const changelog = isChangelog(options);
  const limit = checkedLimit(options.limit);
  return {
    attach: (input) => {
      const { consumer, rows } = collector<InMode<R, M>>(limit);
      return new Collected(hostDraft(input, 'collect', consumer, changelog), rows);
    },
  };
}

/**
 * Hands each batch to a function, one after the other; the next waits for its promise, and the source with it. After a
 * restart batches since the last checkpoint are handed over again.
 */
function callback<R extends object, M extends SinkMode = 'append'>(
  call: (batch: Batch<InMode<R, M>>) => void | Promise<void>,
  options: SinkOptions<M> = {},
): Sink<R, Output> {
  if (typeof call !== 'function')
    throw new HeadraceError('HR_OPTION_INVALID', 'sink.callback() takes a function.');
  const changelog = isChangelog(options);
  return { attach: (input) => new Output(hostDraft(input, 'callback', callingBack(call), changelog)) };
}

/**
 * Batches to iterate over: `for await (const batch of out)`. The job waits for the loop, so that memory stays flat.
 */
function batches<R extends object, M extends SinkMode = 'append'>(
  options: SinkOptions<M> = {},
): Sink<R, BatchOutput<InMode<R, M>>> {
  const changelog = isChangelog(options);
  return { attach: (input) => new BatchOutput(input, changelog) };
}

/** Prints the first rows as a table, 1000 by default. */
function console(options: LimitedSinkOptions = {}): Sink<object, Output> {
  const changelog = isChangelog(options);
  const limit = checkedLimit(options.limit);
  return { attach: (input) => new Output(hostDraft(input, 'console', consoleTable(limit), changelog)) };
}

/** Counts rows and forgets them. */
function blackhole(): Sink<object, Output> {
  const part = { name: 'blackhole', op: { op: 'blackholeSink' } } as const;
  return { attach: (input) => new Output(sinkDraft(input, part, undefined)) };
}

function hostDraft(input: Edge, name: string, consumer: SinkConsumer, changelog: boolean): Draft {
  return sinkDraft(
    input,
    {
      name,
      op: { op: 'hostSink', host: 0, changelog },
      host: (fields) => ({ kind: 'sink', schema: changelog ? [OP, ...fields] : fields, consumer }),
    },
    changelog,
  );
}

const OP = { name: 'op', data: { type: 'utf8' }, nullable: false } as const;

function isChangelog({ mode = 'append' }: { readonly mode?: SinkMode }): boolean {
  if (mode === 'append' || mode === 'changelog') return mode === 'changelog';
  throw new HeadraceError('HR_OPTION_INVALID', `A sink has no mode '${mode}'.`, {
    hint: "It is 'append' or 'changelog'.",
  });
}

function checkedLimit(limit: number | undefined): number | undefined {
  if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 0)) return limit;
  throw new HeadraceError('HR_OPTION_INVALID', `The limit is ${limit}; it is a number of rows.`);
}

/** Where a pipeline ends. */
export const sink = { parquet, collect, callback, batches, console, blackhole } as const;
