/** Several arrays of one type, one after the other, as one. */
import type { DataType, Field } from '../plan/generated.ts';
import {
  type ArrayData,
  bytesOf,
  childrenOf,
  DICTIONARY_TEXTS,
  isNullAt,
  offsetsOf,
  placesOf,
} from './array-data.ts';
import { Column } from './column.ts';
import { encodeValues } from './encode.ts';
import type { Chunk } from './to-arrays.ts';

/** The chunks as one; the same chunk when there is only one. O(bytes). */
export function concatChunks(fields: readonly Field[], chunks: readonly Chunk[]): Chunk {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const columns = fields.map((field, index) => {
    return concat(
      field.data,
      chunks.flatMap((chunk) => chunk.columns[index] ?? []),
    );
  });
  return { numRows: sum(chunks.map((chunk) => chunk.numRows)), columns };
}

function concat(type: DataType, arrays: readonly ArrayData[]): ArrayData {
  const length = sum(arrays.map((array) => array.length));
  const nullCount = sum(arrays.map((array) => array.nullCount));
  const validity = nullCount === 0 ? null : bitsOf(arrays, length, (array, row) => !isNullAt(array, row));
  const base = { type, length, nullCount, validity };
  if (type.type === 'dictionary') return { ...base, ...joinDictionaries(arrays, length) };
  const children = childrenOf(type).map((field, index) => {
    return concat(
      field.data,
      arrays.flatMap((array) => itemsOf(array, index)),
    );
  });
  switch (type.type) {
    case 'struct':
      return { ...base, buffers: [], children };
    case 'bool':
      return { ...base, buffers: [bitsOf(arrays, length, isTrueAt)], children };
    case 'list':
      return { ...base, buffers: [shiftedOffsets(arrays, length)], children };
    case 'utf8':
    case 'binary': {
      const bytes = arrays.map((array) => textOf(array));
      return { ...base, buffers: [shiftedOffsets(arrays, length), Buffer.concat(bytes)], children };
    }
    default:
      return { ...base, buffers: [Buffer.concat(arrays.flatMap((array) => array.buffers))], children };
  }
}

/** Rows of several dictionaries as rows of one that holds each text once; O(rows + values). */
function joinDictionaries(
  arrays: readonly ArrayData[],
  length: number,
): Pick<ArrayData, 'buffers' | 'children'> {
  const [first = encodeValues(DICTIONARY_TEXTS, [])] = arrays.flatMap((array) => array.children);
  if (arrays.every(({ children: [words] }) => words !== undefined && isSame(words, first))) {
    return {
      buffers: [Buffer.concat(arrays.flatMap((array) => array.buffers))],
      children: [first],
    };
  }
  const known = new Map<string, number>();
  const joined = new Int32Array(length);
  let at = 0;
  for (const array of arrays) {
    const words = array.children.flatMap((child) => new Column<string>(DICTIONARY_TEXTS, child).toArray());
    const moved = words.map((word) => {
      const place = known.get(word) ?? known.size;
      known.set(word, place);
      return place;
    });
    for (const place of placesOf(array)) joined[at++] = moved[place] ?? 0;
  }
  return { buffers: [bytesOf(joined)], children: [encodeValues(DICTIONARY_TEXTS, [...known.keys()])] };
}

/** Whether two texts arrays are views on the same bytes. */
function isSame(a: ArrayData, b: ArrayData): boolean {
  if (a.length !== b.length) return false;
  return a.buffers.every((bytes, index) => {
    const other = b.buffers[index];
    return (
      bytes.buffer === other?.buffer && bytes.byteOffset === other.byteOffset && bytes.length === other.length
    );
  });
}

/** A child of an array; of a list only the part that its offsets reach. */
function itemsOf(array: ArrayData, index: number): ArrayData[] {
  const child = array.children[index];
  if (child === undefined || array.type.type !== 'list') return child === undefined ? [] : [child];
  const offsets = offsetsOf(array);
  return [slice(child, offsets[0] ?? 0, offsets[array.length] ?? 0)];
}

/** Rows `from` to `to` of an array; a copy only where bits do not start a byte. */
function slice(array: ArrayData, from: number, to: number): ArrayData {
  if (from === 0 && to === array.length) return array;
  const length = to - from;
  const nulls = { length, bit: (row: number) => !isNullAt(array, from + row) };
  const validity = array.validity === null ? null : packBits(nulls.length, nulls.bit);
  const nullCount = validity === null ? 0 : length - ones(validity, length);
  const base = { type: array.type, length, nullCount, validity };
  switch (array.type.type) {
    case 'struct':
      return { ...base, buffers: [], children: array.children.map((child) => slice(child, from, to)) };
    case 'bool':
      return { ...base, buffers: [packBits(length, (row) => isTrueAt(array, from + row))], children: [] };
    case 'list':
    case 'utf8':
    case 'binary': {
      const offsets = offsetsOf(array).subarray(from, to + 1);
      return { ...base, buffers: [bytesOf(offsets), ...array.buffers.slice(1)], children: array.children };
    }
    default: {
      const width = array.length === 0 ? 0 : (array.buffers[0]?.length ?? 0) / array.length;
      const values = array.buffers[0]?.subarray(from * width, to * width) ?? new Uint8Array(0);
      return { ...base, buffers: [values], children: array.children };
    }
  }
}

/** The bytes of texts that their offsets reach. */
function textOf(array: ArrayData): Uint8Array {
  const offsets = offsetsOf(array);
  return (array.buffers[1] ?? new Uint8Array(0)).subarray(offsets[0] ?? 0, offsets[array.length] ?? 0);
}

function shiftedOffsets(arrays: readonly ArrayData[], length: number): Uint8Array {
  const shifted = new Int32Array(length + 1);
  let [row, end] = [0, 0];
  for (const array of arrays) {
    const offsets = offsetsOf(array);
    const start = end - (offsets[0] ?? 0);
    for (let index = 1; index <= array.length; index++) {
      row += 1;
      end = start + (offsets[index] ?? 0);
      shifted[row] = end;
    }
  }
  return bytesOf(shifted);
}

function isTrueAt(array: ArrayData, row: number): boolean {
  return (((array.buffers[0]?.[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
}

function bitsOf(
  arrays: readonly ArrayData[],
  length: number,
  bit: (array: ArrayData, row: number) => boolean,
): Uint8Array {
  const packed = new Uint8Array(Math.ceil(length / 8));
  let at = 0;
  for (const array of arrays) {
    for (let row = 0; row < array.length; row++, at++) {
      if (bit(array, row)) packed[at >> 3] = (packed[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return packed;
}

function packBits(length: number, bit: (row: number) => boolean): Uint8Array {
  const packed = new Uint8Array(Math.ceil(length / 8));
  for (let row = 0; row < length; row++) {
    if (bit(row)) packed[row >> 3] = (packed[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return packed;
}

function ones(bits: Uint8Array, length: number): number {
  let count = 0;
  for (let row = 0; row < length; row++) count += ((bits[row >> 3] ?? 0) >> (row & 7)) & 1;
  return count;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
