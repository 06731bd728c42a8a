/**
 * A column as Arrow lays it out: a validity bitmap, its buffers, its children; and how columns lie in an arena.
 *
 * An arena is one buffer that holds every buffer of a batch; its layout says where each lies (`Layout` in
 * `binding.ts`). Reading one makes views and copies nothing. The engine writes the arenas that are read here, and
 * gathers those that it reads itself from the buffers listed here.
 */
import type { Layout } from '../binding.ts';
import { HeadraceError } from '../errors.ts';
import type { DataType, Field } from '../plan/generated.ts';

/** One Arrow array, starting at its first value (no offset). */
export interface ArrayData {
  readonly type: DataType;
  readonly length: number;
  readonly nullCount: number;
  /** One bit per value, least significant first; null when no value is null. */
  readonly validity: Uint8Array | null;
  /**
   * By type: values; or offsets and bytes (`utf8`, `binary`); or offsets (`list`); or none (`struct`); or 32-bit places
   * in the only child (`dictionary`).
   */
  readonly buffers: readonly Uint8Array[];
  readonly children: readonly ArrayData[];
}

/** The buffers of a batch, and the layout of the arena that the engine gathers them into. */
export interface Packed {
  readonly layout: Layout;
  readonly buffers: Uint8Array[];
}

// The engine's: a cache line, which Arrow recommends and which satisfies every typed array.
const ALIGNMENT = 64;

const NO_BYTES = new Uint8Array(0);

/** The number of buffers of a type, without its validity bitmap. */
function buffersOf(type: DataType): number {
  if (type.type === 'struct') return 0;
  return type.type === 'utf8' || type.type === 'binary' ? 2 : 1;
}

/** The child of a dictionary: its texts. */
export const DICTIONARY_TEXTS: Field = { name: 'texts', data: { type: 'utf8' }, nullable: false };

/** The children of a type as fields. */
export function childrenOf(type: DataType): readonly Field[] {
  if (type.type === 'struct') return type.fields;
  if (type.type === 'dictionary') return [DICTIONARY_TEXTS];
  return type.type === 'list' ? [{ name: 'item', data: type.item, nullable: true }] : [];
}

/** The numbers in the layout of a batch. */
export function layoutLength(fields: readonly Field[]): number {
  const lengths = fields.map(({ data }) => 3 + 2 * (1 + buffersOf(data)) + layoutLength(childrenOf(data)));
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Views on the columns of an arena; they are as long-lived as the arena's content. The layout may be longer. */
export function unpack(fields: readonly Field[], layout: Layout, arena: Uint8Array): ArrayData[] {
  const cursor = { at: 0 };
  return fields.map((field) => unpackArray(field.data, layout, arena, cursor));
}

function unpackArray(type: DataType, layout: Layout, arena: Uint8Array, cursor: { at: number }): ArrayData {
  const next = () => layout[cursor.at++] ?? Number.NaN;
  const [length, nullCount, count] = [next(), next(), next()];
  if (count !== 1 + buffersOf(type)) throw mismatch();
  const buffers: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const [offset, bytes] = [next(), next()];
    buffers.push(bytes === 0 ? NO_BYTES : arena.subarray(offset, offset + bytes));
  }
  const [validity, ...values] = buffers;
  const children = childrenOf(type).map((field) => unpackArray(field.data, layout, arena, cursor));
  return { type, length, nullCount, validity: validity?.length ? validity : null, buffers: values, children };
}

function mismatch(): HeadraceError {
  return new HeadraceError('HR_INTERNAL', 'A batch came with a layout that does not fit its schema.');
}

/** Lists the buffers of columns for the engine; copies nothing. O(buffers). */
export function pack(columns: readonly ArrayData[]): Packed {
  const layout: number[] = [];
  const buffers: Uint8Array[] = [];
  let end = 0;
  const place = (bytes: Uint8Array): void => {
    layout.push(end, bytes.length);
    if (bytes.length === 0) return;
    buffers.push(bytes);
    end += Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
  };
  const walk = (array: ArrayData): void => {
    layout.push(array.length, array.nullCount, 1 + array.buffers.length);
    place(array.validity ?? NO_BYTES);
    array.buffers.forEach(place);
    array.children.forEach(walk);
  };
  columns.forEach(walk);
  return { layout: new Float64Array(layout), buffers };
}

/** Whether the value at `row` is null. */
export function isNullAt({ validity }: ArrayData, row: number): boolean {
  return validity !== null && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
}

/** The bytes of a typed array. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** The places of a dictionary's rows; at a null stands any number. */
export function placesOf({ buffers, length }: ArrayData): Int32Array {
  const { buffer, byteOffset } = buffers[0] ?? NO_BYTES;
  return new Int32Array(buffer, byteOffset, length);
}

/** The offsets of a variable-length array: where each value starts, and one past the last where it ends. */
export function offsetsOf({ buffers, length }: ArrayData): Int32Array {
  const [bytes] = buffers;
  // An empty array may come without offsets.
  if (bytes === undefined || bytes.length === 0) return new Int32Array(1);
  return new Int32Array(bytes.buffer, bytes.byteOffset, length + 1);
}
