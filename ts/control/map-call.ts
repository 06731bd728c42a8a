/** One call of a user's `map` or `flatMap`: from a batch to the rows of the answer. */
import type { Batch } from '../arrow/batch.ts';
import { concatChunks } from '../arrow/concat.ts';
import type { Row } from '../arrow/rows.ts';
import { describe, ShapeError } from '../arrow/shape-error.ts';
import { type Chunk, toChunks } from '../arrow/to-arrays.ts';
import type { HostMap } from './hosts.ts';

/** What a function threw or rejected with, and for which row of the batch. */
export class RowFailure extends Error {
  readonly row: number;

  constructor(row: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : undefined, { cause });
    this.row = row;
  }
}

/** The answer: rows, and for a flat map the input row of each. */
export interface Mapped {
  readonly chunk: Chunk;
  readonly parents: Uint32Array | null;
}

/**
 * Calls the function. The answer is a promise only if the function returned one, so that functions without one run in
 * one step.
 *
 * @throws ShapeError when the answer does not have the declared shape; whatever the function throws.
 */
export function callMap(host: HostMap, batch: Batch): Mapped | Promise<Mapped> {
  if (host.form === 'batch') {
    if (host.mode === 'map') return then(host.call(batch), (rows) => mapped(host, batch, rows));
    return then(host.call(batch), (answer) => flatMapped(host, batch, answer));
  }
  const answers = callRows<unknown>(host.call as (row: Row) => unknown, batch.rows());
  return then(answers, (rows) =>
    host.mode === 'map' ? mapped(host, batch, rows) : flatMapped(host, batch, spread(rows)),
  );
}

function then<A, B>(value: A | Promise<A>, next: (value: A) => B): B | Promise<B> {
  return isPromise(value) ? Promise.resolve(value).then(next) : next(value);
}

/** Whether a value is a promise, of whatever make. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Calls a function for every row; where it returns promises, all rows of the batch are under way at once. */
function callRows<A>(call: (row: Row) => A | Promise<A>, rows: readonly Row[]): A[] | Promise<A[]> {
  const answers: (A | Promise<A>)[] = [];
  let isAsync = false;
  try {
    for (const row of rows) {
      const answer = call(row);
      isAsync ||= isPromise(answer);
      answers.push(answer);
    }
  } catch (error) {
    // Rows before the one that threw may still reject; the job fails with the first error.
    for (const answer of answers) if (isPromise(answer)) answer.then(undefined, () => {});
    throw new RowFailure(answers.length, error);
  }
  if (!isAsync) return answers as A[];
  const named = async (answer: A | Promise<A>, row: number): Promise<A> => {
    try {
      return await answer;
    } catch (error) {
      throw new RowFailure(row, error);
    }
  };
  return Promise.all(answers.map(named));
}

function mapped(host: HostMap, batch: Batch, rows: unknown): Mapped {
  const chunk = concatChunks(host.output, toChunks(host.output, rows));
  if (chunk.numRows !== batch.numRows) {
    const reason = `a map returns one row for each of the ${batch.numRows} rows it is given, got ${chunk.numRows}`;
    throw new ShapeError(null, -1, reason);
  }
  return { chunk, parents: null };
}

function flatMapped(host: HostMap, batch: Batch, answer: unknown): Mapped {
  const { rows, parents } = (answer ?? {}) as { rows?: unknown; parents?: ArrayLike<number> };
  if (typeof parents?.length !== 'number') {
    throw new ShapeError(null, -1, `a flat map returns { rows, parents }, got ${describe(answer)}`);
  }
  const chunk = concatChunks(host.output, toChunks(host.output, rows));
  if (parents.length !== chunk.numRows) {
    const reason = `a flat map returns a parent for each row, got ${parents.length} for ${chunk.numRows} rows`;
    throw new ShapeError(null, -1, reason);
  }
  let last = 0;
  for (let row = 0; row < parents.length; row++) {
    const parent = parents[row] as number;
    if (!Number.isInteger(parent) || parent < last || parent >= batch.numRows) {
      const expected = `the number of an input row from ${last} to ${batch.numRows - 1}, never descending`;
      throw new ShapeError(null, row, `its parent should be ${expected}, got ${describe(parent)}`);
    }
    last = parent;
  }
  return { chunk, parents: Uint32Array.from(parents) };
}

/** The rows that a flat map by row returned for each input row, in one list. */
function spread(groups: readonly unknown[]): { rows: Row[]; parents: number[] } {
  const rows: Row[] = [];
  const parents: number[] = [];
  groups.forEach((group, parent) => {
    if (typeof group !== 'object' || group === null || !(Symbol.iterator in group)) {
      throw new ShapeError(null, parent, `a flat map returns rows to iterate over, got ${describe(group)}`);
    }
    for (const row of group as Iterable<Row>) {
      rows.push(row);
      parents.push(parent);
    }
  });
  return { rows, parents };
}
