/** From row objects to columns. */
import type { Field } from '../plan/generated.ts';
import type { ArrayData } from './array-data.ts';
import { encodeValues } from './encode.ts';
import { type Row, rowShape } from './row-shape.ts';
import { describe, ShapeError } from './shape-error.ts';

export type { Row } from './row-shape.ts';

/** The rows as columns of `fields`; properties that are no column are left out. O(rows × columns). */
export function encodeRows(fields: readonly Field[], rows: readonly Row[]): ArrayData[] {
  const columns = rowShape(fields.map((field) => field.name)).split(rows, refuse);
  return fields.map((field, column) => encodeValues(field, columns[column] as unknown[]));
}

function refuse(row: unknown, at: number): never {
  throw new ShapeError(null, at, `should be an object, got ${describe(row)}`);
}
