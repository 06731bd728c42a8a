/**
 * Row objects of given columns: made from columns, and taken apart into them.
 *
 * A loop over names known only at run time is several times slower than one over names written in the code, so the code
 * is written here, once per list of names. Where a process forbids that (`--disallow-code-generation-from-strings`),
 * the loop over names does the same.
 */

/** A row object. */
export type Row = Record<string, unknown>;

/** How rows of certain columns are made and taken apart. */
export interface RowShape {
  /** `length` row objects that all have the same shape; O(rows × columns). */
  make(length: number, columns: readonly ArrayLike<unknown>[]): Row[];
  /**
   * The values of each column, `undefined` where a row has none; O(rows × columns). `refuse` is called, and must throw,
   * for what is no object.
   */
  split(rows: readonly unknown[], refuse: (row: unknown, at: number) => never): unknown[][];
}

/** Shapes are kept: a process has few, unless it makes up columns without end. */
const SHAPES_MAX = 256;

const shapes = new Map<string, RowShape>();

/** The shape of rows with these columns. */
export function rowShape(names: readonly string[]): RowShape {
  const key = JSON.stringify(names);
  let shape = shapes.get(key);
  if (shape === undefined) {
    shape = written(names) ?? looped(names);
    if (shapes.size === SHAPES_MAX) shapes.delete(shapes.keys().next().value as string);
    shapes.set(key, shape);
  }
  return shape;
}

function written(names: readonly string[]): RowShape | undefined {
  // In brackets, because "__proto__": would set the prototype. A JSON string is a JavaScript string.
  const members = names.map((name, column) => `[${JSON.stringify(name)}]: c${column}[row]`);
  const reads = names.map((name, column) => `c${column}[row] = object[${JSON.stringify(name)}];`);
  const columns = names.map((_, column) => `c${column}`).join(', ');
  const code = `'use strict';
    return {
      make(length, [${columns}]) {
        const rows = new Array(length);
        for (let row = 0; row < length; row++) rows[row] = { ${members.join(', ')} };
        return rows;
      },
      split(rows, refuse) {
        const columns = [${names.map(() => 'new Array(rows.length)').join(', ')}];
        const [${columns}] = columns;
        for (let row = 0; row < rows.length; row++) {
          const object = rows[row];
          if (typeof object !== 'object' || object === null) refuse(object, row);
          ${reads.join('\n          ')}
        }
        return columns;
      },
    };`;
  try {
    return new Function(code)() as RowShape;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

function looped(names: readonly string[]): RowShape {
  return {
    make(length, columns) {
      return Array.from({ length }, (_, row) => {
        const object: Row = {};
        names.forEach((name, column) => {
          const value = (columns[column] as ArrayLike<unknown>)[row];
          Object.defineProperty(object, name, {
            value,
            enumerable: true,
            writable: true,
            configurable: true,
          });
        });
        return object;
      });
    },
    split(rows, refuse) {
      rows.forEach((row, at) => {
        if (typeof row !== 'object' || row === null) refuse(row, at);
      });
      return names.map((name) => rows.map((row) => (row as Row)[name]));
    },
  };
}
