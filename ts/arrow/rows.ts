/** From row objects to columns. */
import type { Field } from '../plan/generated.ts';
import type { ArrayData } from './array-data.ts';
import { encodeValues } from './encode.ts';
import { describe, ShapeError } from './shape-error.ts';

/** A row object. */
export type Row = Record<string, unknown>;

/** The rows as columns of `fields`; properties that are no column are left out. O(rows × columns). */
export function encodeRows(fields: readonly Field[], rows: readonly Row[]): ArrayData[] {
  return fields.map((field) => {
    const values = new Array<unknown>(rows.length);
    for (let row = 0; row < rows.length; row++) values[row] = member(rows[row], field.name, row);
    return encodeValues(field, values);
  });
}

function member(row: unknown, name: string, at: number): unknown {
  if (typeof row !== 'object' || row === null) {
    throw new ShapeError(null, at, `should be an object, got ${describe(row)}`);
  }
  return (row as Row)[name];
}
