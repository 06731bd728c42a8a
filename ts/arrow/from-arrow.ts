/**
 * From apache-arrow to our columns.
 *
 * The objects may be of another copy or version of the package than ours, so they are read by structure and never by
 * `instanceof`. Types are widened as Parquet's are (`crates/formats/src/carried.rs`); a dictionary counts as its values,
 * unless the column is declared as one.
 */
import { DateUnit, Precision, TimeUnit } from 'apache-arrow';
import { HeadraceError } from '../errors.ts';
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, bytesOf } from './array-data.ts';
import { Column } from './column.ts';
import { encodeValues } from './encode.ts';

/** As much of an arrow-js `DataType` as its structure tells. */
interface ForeignType {
  readonly typeId: number;
  readonly bitWidth?: number;
  readonly isSigned?: boolean;
  readonly precision?: number;
  readonly unit?: number;
  readonly children?: readonly ForeignField[] | null;
  readonly dictionary?: ForeignType;
}

interface ForeignField {
  readonly name: string;
  readonly type: ForeignType;
  readonly nullable: boolean;
}

interface ForeignData {
  readonly type: ForeignType;
  readonly length: number;
  readonly offset: number;
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array | null;
  readonly values?: (ArrayBufferView & ArrayLike<number | bigint>) | null;
  readonly valueOffsets?: ArrayLike<number | bigint> | null;
  readonly children: readonly ForeignData[];
  readonly dictionary?: { readonly data: readonly ForeignData[] };
}

interface ForeignBatch {
  readonly schema: { readonly fields: readonly ForeignField[] };
  readonly numRows: number;
  readonly data: ForeignData;
  readonly batches?: readonly ForeignBatch[];
}

// Numbers of arrow-js's public `Type` enum.
const TYPE = {
  dictionary: -1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  date: 8,
  timestamp: 10,
  list: 12,
  struct: 13,
  duration: 18,
  largeBinary: 19,
  largeUtf8: 20,
} as const;

/** Whether a value looks like a `Table` or `RecordBatch` of any copy of apache-arrow. */
export function isArrow(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { schema, numRows } = value as { schema?: { fields?: unknown }; numRows?: unknown };
  return Array.isArray(schema?.fields) && typeof numRows === 'number' && 'data' in value;
}

/** The columns of a `Table` or `RecordBatch`; `HR_TYPE_MISMATCH` for a type that headrace does not carry. */
export function arrowFields(value: unknown): Field[] {
  return (value as ForeignBatch).schema.fields.map(({ name, type, nullable }) => {
    return { name, data: carried(type, name), nullable };
  });
}

/** A group of rows of a `Table` or `RecordBatch`. */
export interface ArrowChunk {
  readonly numRows: number;
  readonly columns: readonly ArrayData[];
}

/** The record batches of a `Table` or `RecordBatch` as columns of `fields`; views where the types are the same. */
export function fromArrow(value: unknown, fields: readonly Field[]): ArrowChunk[] {
  const batches = (value as ForeignBatch).batches ?? [value as ForeignBatch];
  return batches.map((batch) => ({
    numRows: batch.numRows,
    columns: fields.map((field) => columnOf(batch, field)),
  }));
}

function columnOf(batch: ForeignBatch, field: Field): ArrayData {
  const index = batch.schema.fields.findIndex(({ name }) => name === field.name);
  const data = batch.data.children[index];
  if (data === undefined) {
    const names = batch.schema.fields.map(({ name }) => name).join(', ');
    const hint = `Its columns are ${names}.`;
    throw new HeadraceError('HR_UNKNOWN_COLUMN', `The Arrow data has no column '${field.name}'.`, { hint });
  }
  if (data.nullCount > 0 && !field.nullable) {
    const text = `Column '${field.name}' of the Arrow data holds nulls, but it is not declared nullable.`;
    throw new HeadraceError('HR_TYPE_MISMATCH', text);
  }
  return convert(data, field.data, field.name);
}

/** The column type that holds every value of an Arrow type. */
function carried(type: ForeignType, column: string): DataType {
  const { typeId } = type;
  if (typeId === TYPE.dictionary && type.dictionary !== undefined) return carried(type.dictionary, column);
  if (typeId === TYPE.int) {
    const [bits, signed] = [type.bitWidth ?? 64, type.isSigned === true];
    if (bits < 32 || (bits === 32 && signed)) return { type: 'i32' };
    if (bits === 32 || signed) return { type: 'i64' };
  }
  if (typeId === TYPE.float && type.precision === Precision.SINGLE) return { type: 'f32' };
  if (typeId === TYPE.float && type.precision === Precision.DOUBLE) return { type: 'f64' };
  if (typeId === TYPE.binary || typeId === TYPE.largeBinary) return { type: 'binary' };
  if (typeId === TYPE.utf8 || typeId === TYPE.largeUtf8) return { type: 'utf8' };
  if (typeId === TYPE.bool) return { type: 'bool' };
  if (typeId === TYPE.date) return { type: 'date' };
  if (typeId === TYPE.timestamp) return { type: 'timestamp' };
  if (typeId === TYPE.duration) return { type: 'duration' };
  const children = type.children ?? [];
  const [item] = children;
  if (typeId === TYPE.list && item !== undefined)
    return { type: 'list', item: carried(item.type, `${column}[]`) };
  if (typeId === TYPE.struct) {
    const fields = children.map((child) => {
      return {
        name: child.name,
        data: carried(child.type, `${column}.${child.name}`),
        nullable: child.nullable,
      };
    });
    return { type: 'struct', fields };
  }
  const text = `Column '${column}' has the Arrow type ${type}, which headrace does not carry.`;
  const hint =
    'Carried are booleans, integers up to 64 bits signed, floats, text, bytes, dates, times, lists and structs.';
  throw new HeadraceError('HR_TYPE_MISMATCH', text, { hint });
}

/** An array of arrow-js as a column of `type`, without its offset and widened where needed. */
function convert(data: ForeignData, type: DataType, column: string): ArrayData {
  const { length, offset, nullCount } = data;
  if (data.type.typeId === TYPE.dictionary) return decodeDictionary(data, type, column);
  const found = carried(data.type, column);
  if (type.type === 'dictionary' && found.type === 'utf8') {
    const field = { name: column, data: type, nullable: true };
    return encodeValues(field, new Column(field, convert(data, found, column)).toArray());
  }
  const validity = nullCount > 0 && data.nullBitmap ? bitsFrom(data.nullBitmap, offset, length) : null;
  const base = { type, length, nullCount, validity, children: [] as ArrayData[] };
  if (type.type === 'struct' && found.type === 'struct') {
    const children = type.fields.map((field) => {
      const index = found.fields.findIndex(({ name }) => name === field.name);
      return child(data, index, field.data, `${column}.${field.name}`);
    });
    return { ...base, buffers: [], children };
  }
  if (type.type === 'list' && found.type === 'list') {
    const children = [child(data, 0, type.item, `${column}[]`)];
    return { ...base, buffers: [offsetsFrom(data)], children };
  }
  if ((type.type === 'utf8' || type.type === 'binary') && found.type === type.type) {
    return { ...base, buffers: [offsetsFrom(data), viewBytes(data.values)] };
  }
  if (type.type === 'bool' && found.type === 'bool') {
    return { ...base, buffers: [bitsFrom(viewBytes(data.values), offset, length)] };
  }
  const values = numbers(data, type, column);
  if (values === undefined) {
    const text = `Column '${column}' has the Arrow type ${data.type}, but is declared as ${type.type}.`;
    throw new HeadraceError('HR_TYPE_MISMATCH', text);
  }
  return { ...base, buffers: [bytesOf(values)] };
}

function child(data: ForeignData, index: number, type: DataType, column: string): ArrayData {
  const array = data.children[index];
  if (array === undefined) throw new HeadraceError('HR_TYPE_MISMATCH', `The Arrow data has no '${column}'.`);
  return convert(array, type, column);
}

/**
 * The numbers of an array in the layout of `type`; undefined when `type` is another kind of number.
 *
 * Throws `HR_OVERFLOW` for a time that is out of range in the unit of `type`.
 */
function numbers(data: ForeignData, type: DataType, column: string): ArrayBufferView | undefined {
  const { typeId, unit, bitWidth } = data.type;
  const values = data.values ?? new Int32Array(0);
  const found = carried(data.type, '').type;
  const big = (factor: bigint, divisor = 1n) =>
    BigInt64Array.from(values, (v, row) => {
      const scaled = floorDiv(BigInt(v) * factor, divisor);
      return BigInt.asIntN(64, scaled) === scaled ? scaled : BigInt(outOfRange(data, row, column));
    });
  switch (type.type) {
    case 'i32':
      return found !== 'i32' ? undefined : bitWidth === 32 ? values : Int32Array.from(values, Number);
    case 'i64':
      if (found === 'i64' && bitWidth === 64) return values;
      return found === 'i64' || found === 'i32' ? big(1n) : undefined;
    case 'f32':
      return found === 'f32' ? values : undefined;
    case 'f64':
      return found === 'f64'
        ? values
        : found === 'f32' || found === 'i32'
          ? Float64Array.from(values, Number)
          : undefined;
    case 'date':
      if (found !== 'date') return undefined;
      return unit === DateUnit.DAY
        ? values
        : Int32Array.from(values, (v, row) => {
            const day = Math.floor(Number(v) / 86_400_000);
            return (day | 0) === day ? day : outOfRange(data, row, column);
          });
    case 'timestamp':
    case 'duration':
      if (found !== type.type || (typeId !== TYPE.timestamp && typeId !== TYPE.duration)) return undefined;
      if (unit === TimeUnit.MICROSECOND) return values;
      return unit === TimeUnit.NANOSECOND
        ? big(1n, 1000n)
        : big(unit === TimeUnit.SECOND ? 1_000_000n : 1000n);
    default:
      return undefined;
  }
}

/** 0 for a null, below which there may be any number; `HR_OVERFLOW` for a value. */
function outOfRange(
  { nullBitmap, nullCount, offset, values }: ForeignData,
  row: number,
  column: string,
): number {
  const isValid = nullCount === 0 || !nullBitmap || isSet(nullBitmap, offset + row);
  if (!isValid) return 0;
  throw new HeadraceError(
    'HR_OVERFLOW',
    `Column '${column}' holds ${values?.[row]} in row ${row}, which is out of range.`,
    { hint: 'Times are carried as 64 bits of microseconds, dates as 32 bits of days.' },
  );
}

function isSet(bits: Uint8Array, at: number): boolean {
  return (((bits[at >> 3] ?? 0) >> (at & 7)) & 1) === 1;
}

function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}

function decodeDictionary(data: ForeignData, type: DataType, column: string): ArrayData {
  const { length, offset, nullCount } = data;
  const validity = nullCount > 0 && data.nullBitmap ? bitsFrom(data.nullBitmap, offset, length) : null;
  const chunks = data.dictionary?.data ?? [];
  const [chunk] = chunks;
  // Ours has no nulls among its values, and comes in one piece.
  if (type.type === 'dictionary' && chunk !== undefined && chunks.length === 1 && chunk.nullCount === 0) {
    const places = data.values instanceof Int32Array ? data.values.subarray(0, length) : undefined;
    const buffers = [bytesOf(places ?? Int32Array.from({ length }, (_, row) => Number(data.values?.[row])))];
    return {
      type,
      length,
      nullCount,
      validity,
      buffers,
      children: [convert(chunk, { type: 'utf8' }, column)],
    };
  }
  const field = { name: column, data: type, nullable: true };
  const words = chunks.flatMap((chunk) => new Column(field, convert(chunk, type, column)).toArray());
  const values = Array.from({ length }, (_, row) => {
    const isNull = validity !== null && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
    return isNull ? null : words[Number(data.values?.[row])];
  });
  return encodeValues(field, values);
}

function offsetsFrom({ valueOffsets, length }: ForeignData): Uint8Array {
  const offsets = valueOffsets ?? [];
  if (offsets instanceof Int32Array) return bytesOf(offsets.subarray(0, length + 1));
  return bytesOf(Int32Array.from({ length: length + 1 }, (_, index) => Number(offsets[index] ?? 0)));
}

function viewBytes(view: ArrayBufferView | null | undefined): Uint8Array {
  return view ? bytesOf(view) : new Uint8Array(0);
}

/** `length` bits from bit `from` on, moved to the front of a bitmap. */
function bitsFrom(bits: Uint8Array, from: number, length: number): Uint8Array {
  const bytes = Math.ceil(length / 8);
  if (from % 8 === 0) return bits.subarray(from / 8, from / 8 + bytes);
  const moved = new Uint8Array(bytes);
  for (let index = 0; index < length; index++) {
    const at = from + index;
    if (isSet(bits, at)) moved[index >> 3] = (moved[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return moved;
}
