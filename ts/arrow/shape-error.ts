/** What is said about a value that does not fit. */

/** A value that does not have the declared shape; callers turn it into an error that names the operator. */
export class ShapeError extends Error {
  /** The column, with the way into lists and structs, such as `route.stops[]`; null when it is not about one. */
  readonly column: string | null;
  /** The row, counted from 0 within the batch; -1 when the batch as a whole is meant. */
  readonly row: number;

  constructor(column: string | null, row: number, reason: string) {
    const where = [row < 0 ? '' : `row ${row}: `, column === null ? '' : `column '${column}' `];
    super(`${where.join('')}${reason}`);
    this.column = column;
    this.row = row;
  }
}

const TEXT_MAX = 40;

/** A value in a few words, for messages: its kind and its beginning. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') {
    const text = value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value;
    return `the string ${JSON.stringify(text)}`;
  }
  if (typeof value === 'bigint') return `the bigint ${value}n`;
  if (typeof value === 'object') {
    const name = value.constructor?.name ?? 'Object';
    return name === 'Object' ? 'an object' : `a value of class ${name}`;
  }
  if (typeof value === 'function') return 'a function';
  return `the ${typeof value} ${String(value)}`;
}
