/** From any of the forms in which a user may hand over rows to columns. */
import { HeadraceError } from '../errors.ts';
import type { Field } from '../plan/generated.ts';
import type { ArrayData } from './array-data.ts';
import { Batch } from './batch.ts';
import { encodeValues } from './encode.ts';
import { fromArrow, isArrow } from './from-arrow.ts';
import { encodeRows, type Row } from './rows.ts';
import { describe, ShapeError } from './shape-error.ts';

/** Rows as columns, in one or several groups. */
export interface Chunk {
  readonly numRows: number;
  readonly columns: readonly ArrayData[];
}

/**
 * The rows as columns of `fields`: an array of row objects, an apache-arrow `Table` or `RecordBatch`, a {@link Batch},
 * or an object of columns. A `Table` gives a chunk for each of its batches, everything else gives one.
 *
 * @throws ShapeError when a value does not have the type of its column.
 */
export function toChunks(fields: readonly Field[], rows: unknown): Chunk[] {
  if (Array.isArray(rows)) return [{ numRows: rows.length, columns: encodeRows(fields, rows as Row[]) }];
  if (rows instanceof Batch) return [fromBatch(fields, rows)];
  if (isArrow(rows)) return fromArrow(rows, fields);
  if (typeof rows === 'object' && rows !== null)
    return [fromColumns(fields, rows as Record<string, unknown>)];
  throw new ShapeError(null, -1, `expected rows, got ${describe(rows)}`);
}

function fromBatch(fields: readonly Field[], batch: Batch): Chunk {
  const columns = fields.map((field) => {
    const index = batch.fields.findIndex((other) => other.name === field.name);
    const [other, array] = [batch.fields[index], batch.arrays[index]];
    if (other === undefined || array === undefined) throw new ShapeError(field.name, -1, 'is missing');
    if (
      JSON.stringify(other.data) === JSON.stringify(field.data) &&
      (field.nullable || array.nullCount === 0)
    ) {
      return array;
    }
    return encodeValues(field, batch.column(field.name).toArray());
  });
  return { numRows: batch.numRows, columns };
}

function fromColumns(fields: readonly Field[], object: Record<string, unknown>): Chunk {
  const columns = fields.map((field) => {
    const values = object[field.name];
    const isArrayLike =
      Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView));
    if (!isArrayLike) {
      throw new ShapeError(field.name, -1, `should be an array of values, got ${describe(values)}`);
    }
    return encodeValues(field, values as ArrayLike<unknown>);
  });
  const [head, ...rest] = columns;
  const odd = rest.findIndex((column) => column.length !== head?.length);
  if (head !== undefined && odd >= 0) {
    const reason = `has ${rest[odd]?.length} values, but '${fields[0]?.name}' has ${head.length}`;
    throw new ShapeError(fields[odd + 1]?.name ?? '', -1, reason);
  }
  return { numRows: head?.length ?? 0, columns };
}

/** Turns a {@link ShapeError} into an error of ours with `code`; anything else is passed on. */
export function shapeError(
  error: unknown,
  code: 'HR_USER_FUNCTION_SHAPE' | 'HR_TYPE_MISMATCH',
  subject: string,
): unknown {
  return error instanceof ShapeError ? new HeadraceError(code, `${subject}: ${error.message}.`) : error;
}
