/** From our columns to apache-arrow, by views. */
import * as arrow from 'apache-arrow';
import { HeadraceError } from '../errors.ts';
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, offsetsOf } from './array-data.ts';

/** Views on columns as a `RecordBatch`; nothing is copied. */
export function toRecordBatch(
  fields: readonly Field[],
  numRows: number,
  columns: readonly ArrayData[],
): arrow.RecordBatch {
  const schema = new arrow.Schema(fields.map(arrowField));
  const children = columns.map((column) => arrowData(column));
  const type = new arrow.Struct(schema.fields);
  return new arrow.RecordBatch(schema, arrow.makeData({ type, length: numRows, nullCount: 0, children }));
}

function arrowField({ name, data, nullable }: Field): arrow.Field {
  return new arrow.Field(name, arrowType(data), nullable);
}

/** The arrow-js type of a column type. */
export function arrowType(type: DataType): arrow.DataType {
  switch (type.type) {
    case 'bool':
      return new arrow.Bool();
    case 'i32':
      return new arrow.Int32();
    case 'i64':
      return new arrow.Int64();
    case 'f32':
      return new arrow.Float32();
    case 'f64':
      return new arrow.Float64();
    case 'utf8':
      return new arrow.Utf8();
    case 'binary':
      return new arrow.Binary();
    case 'date':
      return new arrow.DateDay();
    case 'timestamp':
      return new arrow.TimestampMicrosecond();
    case 'duration':
      return new arrow.DurationMicrosecond();
    case 'list':
      return new arrow.List(new arrow.Field('item', arrowType(type.item), true));
    case 'struct':
      return new arrow.Struct(type.fields.map(arrowField));
  }
}

function arrowData(array: ArrayData): arrow.Data {
  const { length, nullCount, validity: nullBitmap, buffers, children } = array;
  const type = arrowType(array.type);
  const base = { type, length, nullCount, nullBitmap };
  const kind = array.type.type;
  if (kind === 'struct')
    return arrow.makeData({ ...base, type: type as arrow.Struct, children: children.map(arrowData) });
  if (kind === 'list') {
    const [child] = children.map(arrowData);
    if (child === undefined) throw new HeadraceError('HR_INTERNAL', 'A list came without its items.');
    return arrow.makeData({ ...base, type: type as arrow.List, valueOffsets: offsetsOf(array), child });
  }
  if (kind === 'utf8' || kind === 'binary') {
    return arrow.makeData({
      ...base,
      type: type as arrow.Utf8,
      valueOffsets: offsetsOf(array),
      data: buffers[1],
    });
  }
  return arrow.makeData({ ...base, type: type as arrow.Int, data: typed(array) as Int32Array });
}

function typed({ type, buffers, length }: ArrayData): ArrayBufferView {
  const bytes = buffers[0] ?? new Uint8Array(0);
  const { buffer, byteOffset } = bytes;
  if (type.type === 'bool') return bytes;
  if (type.type === 'f64') return new Float64Array(buffer, byteOffset, length);
  if (type.type === 'f32') return new Float32Array(buffer, byteOffset, length);
  if (type.type === 'i32' || type.type === 'date') return new Int32Array(buffer, byteOffset, length);
  return new BigInt64Array(buffer, byteOffset, length);
}
