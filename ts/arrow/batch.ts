/** A batch of rows as user code sees it. */
import type { RecordBatch } from 'apache-arrow';
import { type Layout, native } from '../binding.ts';
import { HeadraceError } from '../errors.ts';
import type { Field } from '../plan/generated.ts';
import { type ArrayData, pack, unpack } from './array-data.ts';
import { Column, toRows } from './column.ts';
import type { Row } from './rows.ts';
import { toRecordBatch } from './to-arrow.ts';

/**
 * Rows, held column by column. `R` is the type of a row object.
 *
 * A batch given to a `map` or `flatMap` function lies in memory that is used again: it is valid until the function has
 * returned or its promise has settled. Row objects, `toArray()` and a sink's batches are valid for good.
 */
export class Batch<R extends object = Row> {
  /** The columns' names and types. */
  readonly fields: readonly Field[];
  readonly numRows: number;
  readonly #arrays: readonly ArrayData[];
  readonly #columns = new Map<string, Column>();

  /** @internal */
  constructor(fields: readonly Field[], numRows: number, arrays: readonly ArrayData[]) {
    this.fields = fields;
    this.numRows = numRows;
    this.#arrays = arrays;
  }

  /** Views on a batch in an arena. @internal */
  static view<R extends object = Row>(
    fields: readonly Field[],
    numRows: number,
    layout: Layout,
    arena: Uint8Array,
  ): Batch<R> {
    return new Batch(fields, numRows, unpack(fields, layout, arena));
  }

  /** The column called `name`; `HR_UNKNOWN_COLUMN` if there is none. */
  column<K extends keyof R & string>(name: K): Column<R[K]> {
    let column = this.#columns.get(name);
    if (column === undefined) {
      const index = this.fields.findIndex((field) => field.name === name);
      const [field, array] = [this.fields[index], this.#arrays[index]];
      if (field === undefined || array === undefined) throw this.#unknown(name);
      column = new Column(field, array);
      this.#columns.set(name, column);
    }
    return column as Column<R[K]>;
  }

  /** The rows as objects; O(rows × columns). */
  rows(): R[] {
    const names = this.fields.map((field) => field.name);
    const columns = names.map((name) => this.column(name as keyof R & string).toArray());
    return toRows(this.numRows, names, columns) as R[];
  }

  [Symbol.iterator](): IterableIterator<R> {
    return this.rows()[Symbol.iterator]();
  }

  /** The batch as an arrow-js `RecordBatch`, without a copy. To write it as IPC use {@link toIpc}, not arrow-js. */
  toArrow(): RecordBatch {
    return toRecordBatch(this.fields, this.numRows, this.#arrays);
  }

  /** The batch as an Arrow IPC stream. */
  toIpc(): Uint8Array {
    const { layout, buffers } = pack(this.#arrays);
    return native.encodeIpc(JSON.stringify(this.fields), layout, buffers);
  }

  /** The columns as Arrow lays them out. @internal */
  get arrays(): readonly ArrayData[] {
    return this.#arrays;
  }

  #unknown(name: string): HeadraceError {
    const names = this.fields.map((field) => field.name).join(', ');
    return new HeadraceError('HR_UNKNOWN_COLUMN', `The batch has no column '${name}'.`, {
      hint: `Its columns are ${names}.`,
    });
  }
}
