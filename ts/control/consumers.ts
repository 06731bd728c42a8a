/** The consumers that we bring: rows in an array, batches one by one, a callback, a table on the console. */
import type { Batch } from '../arrow/batch.ts';
import type { Row } from '../arrow/rows.ts';
import { HeadraceError } from '../errors.ts';
import { formatTable } from './format-table.ts';
import type { SinkConsumer } from './hosts.ts';

/** How many rows `collect()` holds unless told otherwise. */
export const COLLECT_ROWS_MAX = 10_000_000;

/** Gathers all rows in memory; more than `rowsMax` of them fail the job. */
export function collector<R extends object = Row>(
  rowsMax: number = COLLECT_ROWS_MAX,
): { readonly consumer: SinkConsumer; readonly rows: R[] } {
  const rows: R[] = [];
  const consumer: SinkConsumer = {
    start() {
      rows.length = 0;
    },
    consume(batch) {
      if (rows.length + batch.numRows > rowsMax) {
        throw new HeadraceError('HR_OPTION_INVALID', `collect() was given more than ${rowsMax} rows.`, {
          hint: 'Write large results to files, go through them batch by batch, or raise its limit.',
        });
      }
      for (const row of batch.rows()) rows.push(row as R);
    },
  };
  return { consumer, rows };
}

/** Hands each batch to a function and waits for its promise before the next. */
export function callback<R extends object = Row>(
  call: (batch: Batch<R>) => void | Promise<void>,
): SinkConsumer {
  return { consume: (batch) => call(batch as unknown as Batch<R>) };
}

/**
 * Batches to iterate over with `for await`. The sink is held back until the loop asks for the next batch, so at most
 * one batch waits. Leaving the loop calls `onReturn`, which should end the job.
 */
export function batchStream<R extends object = Row>(
  onReturn: () => void,
): { readonly consumer: SinkConsumer; readonly batches: AsyncIterableIterator<Batch<R>> } {
  let offered: { batch: Batch<R>; taken: () => void } | undefined;
  let waiting:
    | { resolve: (result: IteratorResult<Batch<R>>) => void; reject: (error: unknown) => void }
    | undefined;
  let end: { error?: unknown } | undefined;
  let left = false;

  const consumer: SinkConsumer = {
    consume(batch) {
      if (left) return;
      const value = batch as unknown as Batch<R>;
      if (waiting !== undefined) {
        waiting.resolve({ done: false, value });
        waiting = undefined;
        return;
      }
      return new Promise((taken) => {
        offered = { batch: value, taken };
      });
    },
    finish() {
      end = {};
      waiting?.resolve({ done: true, value: undefined });
      waiting = undefined;
    },
    fail(error) {
      end = { error };
      waiting?.reject(error);
      waiting = undefined;
    },
  };
  const batches: AsyncIterableIterator<Batch<R>> = {
    next() {
      if (offered !== undefined) {
        const { batch, taken } = offered;
        offered = undefined;
        taken();
        return Promise.resolve({ done: false, value: batch });
      }
      if (left || (end !== undefined && !('error' in end)))
        return Promise.resolve({ done: true, value: undefined });
      if (end !== undefined) {
        const { error } = end;
        // Said once; afterwards the iteration is over.
        left = true;
        return Promise.reject(error);
      }
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
      });
    },
    return() {
      left = true;
      offered?.taken();
      offered = undefined;
      if (end === undefined) onReturn();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return batches;
    },
  };
  return { consumer, batches };
}

/** How many rows of a run the console shows unless told otherwise. */
export const CONSOLE_ROWS_MAX = 1000;

/** Prints rows as a table, and at the end how many were left out beyond `rowsMax`. */
export function consoleTable(
  rowsMax: number = CONSOLE_ROWS_MAX,
  write: (text: string) => void = (text) => process.stdout.write(text),
): SinkConsumer {
  let [shown, total] = [0, 0];
  return {
    start() {
      [shown, total] = [0, 0];
    },
    consume(batch) {
      const rows = batch.rows().slice(0, rowsMax - shown);
      if (rows.length > 0) write(formatTable(batch.fields, rows));
      shown += rows.length;
      total += batch.numRows;
    },
    finish() {
      if (total > shown) write(`… and ${total - shown} more rows\n`);
    },
  };
}
