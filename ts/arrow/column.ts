/** A column of a batch, read by row or as a whole. */
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, childrenOf, isNullAt, offsetsOf, placesOf } from './array-data.ts';
import { rowShape } from './row-shape.ts';

/**
 * The values of a column as a whole. Numbers lie in the typed array that carries them, booleans in bytes of 0 and 1,
 * everything else in an array. What stands at a null row is unspecified.
 */
export type ColumnValues<V> = [NonNullable<V>] extends [bigint]
  ? BigInt64Array
  : [NonNullable<V>] extends [number]
    ? Float64Array | Float32Array | Int32Array
    : [NonNullable<V>] extends [boolean]
      ? Uint8Array
      : readonly V[];

/**
 * A column. Reading it in a loop: `const { values } = batch.column('delay')`, then `values[row]`.
 *
 * JavaScript's side of each type: `bool` boolean; `i32`, `f32`, `f64` number; `i64` bigint; `utf8` and `dictionary` string;
 * `binary` Uint8Array; `date` number of days since 1970-01-01; `timestamp` bigint of µs since the epoch; `duration` bigint of
 * µs; `list` array; `struct` object.
 */
export class Column<V = unknown> {
  readonly field: Field;
  readonly length: number;
  readonly nullCount: number;
  readonly #data: ArrayData;
  #values: ArrayLike<unknown> | undefined;

  /** @internal */
  constructor(field: Field, data: ArrayData) {
    this.field = field;
    this.length = data.length;
    this.nullCount = data.nullCount;
    this.#data = data;
  }

  /** All values. Numbers cost nothing; everything else is decoded on first use, O(rows). */
  get values(): ColumnValues<V> {
    this.#values ??= decode(this.#data);
    return this.#values as ColumnValues<V>;
  }

  /** Whether the value at `row` is null. */
  isNull(row: number): boolean {
    return isNullAt(this.#data, row);
  }

  /** The value at `row`, or null; undefined outside the column. */
  get(row: number): V {
    if (this.isNull(row)) return null as V;
    const value = (this.values as ArrayLike<unknown>)[row];
    return (this.field.data.type === 'bool' && value !== undefined ? value === 1 : value) as V;
  }

  /** As `toArray()`, but without a copy where `values` has the same. @internal */
  get rowValues(): ArrayLike<unknown> {
    const same = this.nullCount === 0 && this.field.data.type !== 'bool';
    return same ? (this.values as ArrayLike<unknown>) : this.toArray();
  }

  /** All values as a plain array with null where there is none; O(rows). */
  toArray(): V[] {
    return valuesOf(this.#data, this.values as ArrayLike<unknown>) as V[];
  }

  *[Symbol.iterator](): IterableIterator<V> {
    for (let row = 0; row < this.length; row++) yield this.get(row);
  }
}

/** Replaces raw values by what a row holds: booleans for bits, null for null. */
function valuesOf(data: ArrayData, raw: ArrayLike<unknown>): unknown[] {
  const isBool = data.type.type === 'bool';
  const values = new Array<unknown>(data.length);
  for (let row = 0; row < data.length; row++) values[row] = isBool ? raw[row] === 1 : raw[row];
  if (data.nullCount > 0) {
    for (let row = 0; row < data.length; row++) if (isNullAt(data, row)) values[row] = null;
  }
  return values;
}

function decode(data: ArrayData): ArrayLike<unknown> {
  switch (data.type.type) {
    case 'bool':
      return decodeBits(data);
    case 'utf8':
      return decodeText(data);
    case 'dictionary':
      return decodePlaces(data);
    case 'binary':
      return decodeBytes(data);
    case 'list':
      return decodeLists(data);
    case 'struct':
      return decodeStructs(data);
    default:
      return numbersOf(data.type, data);
  }
}

function numbersOf(type: DataType, { buffers, length }: ArrayData): ArrayLike<number> | BigInt64Array {
  const { buffer, byteOffset } = buffers[0] ?? new Uint8Array(0);
  switch (type.type) {
    case 'i32':
    case 'date':
      return new Int32Array(buffer, byteOffset, length);
    case 'f32':
      return new Float32Array(buffer, byteOffset, length);
    case 'f64':
      return new Float64Array(buffer, byteOffset, length);
    default:
      return new BigInt64Array(buffer, byteOffset, length);
  }
}

function decodeBits({ buffers, length }: ArrayData): Uint8Array {
  const bits = buffers[0] ?? new Uint8Array(0);
  const values = new Uint8Array(length);
  for (let row = 0; row < length; row++) values[row] = ((bits[row >> 3] ?? 0) >> (row & 7)) & 1;
  return values;
}

function decodeText(data: ArrayData): string[] {
  const offsets = offsetsOf(data);
  const bytes = data.buffers[1] ?? new Uint8Array(0);
  const [start, end] = [offsets[0] ?? 0, offsets[data.length] ?? 0];
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const values = new Array<string>(data.length);
  // One decoding for the whole column: if no character took more than a byte, offsets into bytes fit the text too.
  const whole = text.toString('utf8');
  const single = whole.length === text.length;
  let from = 0;
  for (let row = 0; row < data.length; row++) {
    const to = (offsets[row + 1] ?? 0) - start;
    values[row] = single ? whole.slice(from, to) : text.toString('utf8', from, to);
    from = to;
  }
  return values;
}

/** Each value is decoded once, so equal rows hold the same string. */
function decodePlaces(data: ArrayData): string[] {
  const words = data.children.flatMap(decodeText);
  return Array.from(placesOf(data), (place) => words[place] ?? '');
}

function decodeBytes(data: ArrayData): Uint8Array[] {
  const offsets = offsetsOf(data);
  const bytes = data.buffers[1] ?? new Uint8Array(0);
  return Array.from({ length: data.length }, (_, row) => bytes.slice(offsets[row], offsets[row + 1]));
}

function decodeLists(data: ArrayData): unknown[][] {
  const offsets = offsetsOf(data);
  const items = data.children.flatMap((child) => valuesOf(child, decode(child)));
  return Array.from({ length: data.length }, (_, row) => items.slice(offsets[row], offsets[row + 1]));
}

function decodeStructs(data: ArrayData): Record<string, unknown>[] {
  const names = childrenOf(data.type).map((field) => field.name);
  return rowShape(names).make(
    data.length,
    data.children.map((child) => valuesOf(child, decode(child))),
  );
}
