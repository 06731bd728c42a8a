/** From our columns to apache-arrow, by views. */
import * as arrow from 'apache-arrow';
import { HeadraceError } from '../errors.ts';
import type { DataType, Field } from '../plan/generated.ts';
import { type ArrayData, offsetsOf, placesOf } from './array-data.ts';

/** Views on columns as a `RecordBatch`; nothing is copied. */
export function toRecordBatch(
  fields: readonly Field[],
  numRows: number,
  columns: readonly ArrayData[],
): arrow.RecordBatch {
  const schema = schemaOf(fields);
  const children = columns.map((column, index) => arrowData(column, schema.fields[index]?.type));
  const type = new arrow.Struct(schema.fields);
  return new arrow.RecordBatch(schema, arrow.makeData({ type, length: numRows, nullCount: 0, children }));
}

function arrowField({ name, data, nullable }: Field): arrow.Field {
  return new arrow.Field(name, arrowType(data), nullable);
}

/** Schemas are kept: a process has few, unless it makes up columns without end. */
const SCHEMAS_MAX = 256;

const schemas = new Map<string, arrow.Schema>();

/** The same schema for the same columns: arrow-js only joins batches whose dictionaries have the same id. */
function schemaOf(fields: readonly Field[]): arrow.Schema {
  const key = JSON.stringify(fields);
  let schema = schemas.get(key);
  if (schema === undefined) {
    schema = new arrow.Schema(fields.map(arrowField));
    if (schemas.size === SCHEMAS_MAX) schemas.delete(schemas.keys().next().value as string);
    schemas.set(key, schema);
  }
  return schema;
}

/** The arrow-js type of a column type. */
function arrowType(type: DataType): arrow.DataType {
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
    case 'dictionary':
      return new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32());
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

/** `type` is that of the schema, since arrow-js tells dictionaries by the id in their type. */
function arrowData(array: ArrayData, type: arrow.DataType = arrowType(array.type)): arrow.Data {
  const { length, nullCount, validity: nullBitmap, buffers, children } = array;
  const base = { type, length, nullCount, nullBitmap };
  const kind = array.type.type;
  const members = children.map((child, index) => arrowData(child, type.children?.[index]?.type));
  if (kind === 'struct') return arrow.makeData({ ...base, type: type as arrow.Struct, children: members });
  if (kind === 'list') {
    const [child] = members;
    if (child === undefined) throw new HeadraceError('HR_INTERNAL', 'A list came without its items.');
    return arrow.makeData({ ...base, type: type as arrow.List, valueOffsets: offsetsOf(array), child });
  }
  if (kind === 'dictionary') {
    const dictionary = new arrow.Vector(members as arrow.Data<arrow.Utf8>[]);
    return arrow.makeData({ ...base, type: type as arrow.Dictionary, data: placesOf(array), dictionary });
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
