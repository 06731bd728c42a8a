/**
 * The header of a GGUF file (versions 2 and 3, little-endian): metadata and the directory of tensors. The file is not
 * trusted: every size, count, alignment and offset is checked before it is used, and what does not hold is
 * `HR_DATA_CORRUPT` with the file's name and what is wrong.
 *
 * O(bytes of the header); tensors are not read until they are asked for.
 */
import type { ByteSource } from './byte-source.ts';
import { Cursor } from './cursor.ts';
import { damaged, unsupported } from './damaged.ts';
import { Metadata, readValue, type Value } from './metadata.ts';
import { TENSOR_TYPES, type TensorType } from './tensor-type.ts';

/** The most metadata keys and the most tensors of a file. */
export const KEYS_MAX = 65_536;
export const TENSORS_MAX = 65_536;

const MAGIC = 0x46554747;
const DIMENSIONS_MAX = 4;
const ALIGNMENT_MAX = 65_536;

/** A tensor of the file. */
export interface Tensor {
  readonly name: string;
  readonly type: TensorType;
  /** Elements of each dimension, the one that varies fastest first: [columns, rows]. */
  readonly dimensions: readonly number[];
  /** Where its bytes begin, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** A GGUF file whose header has been read and checked. */
export interface Gguf {
  readonly source: ByteSource;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Reads and checks the header. */
export function readGguf(source: ByteSource): Gguf {
  const cursor = new Cursor(source);
  if (cursor.u32('the magic number') !== MAGIC) throw damaged(source, 'it does not begin with GGUF');
  const version = cursor.u32('the version');
  if (version !== 2 && version !== 3) {
    throw unsupported(source, `it is of GGUF version ${version}, and 2 and 3 (little-endian) are read`);
  }
  const tensorCount = cursor.count('the number of tensors', TENSORS_MAX);
  const keyCount = cursor.count('the number of keys', KEYS_MAX);
  const metadata = new Metadata(source, readKeys(cursor, source, keyCount));
  const directory = readDirectory(cursor, source, tensorCount);
  return {
    source,
    metadata,
    tensors: place(source, directory, cursor.position, alignment(source, metadata)),
  };
}

/** The bytes of a tensor; O(bytes), which the header's check bounds by the size of the file. */
export function readTensor(gguf: Gguf, tensor: Tensor): Uint8Array {
  const bytes = new Uint8Array(tensor.bytes);
  gguf.source.read(bytes, tensor.offset);
  return bytes;
}

function readKeys(cursor: Cursor, source: ByteSource, count: number): Map<string, Value> {
  const values = new Map<string, Value>();
  for (let index = 0; index < count; index++) {
    const key = cursor.text('a key');
    if (values.has(key)) throw damaged(source, `the key ${key} is there twice`);
    values.set(key, readValue(cursor, source, key));
  }
  return values;
}

function alignment(source: ByteSource, metadata: Metadata): number {
  const align = metadata.whole('general.alignment', 32);
  if (align < 8 || align > ALIGNMENT_MAX || !Number.isInteger(Math.log2(align))) {
    throw damaged(source, `general.alignment is ${align}, and not a power of two from 8 to ${ALIGNMENT_MAX}`);
  }
  return align;
}

/** The directory as it stands in the file: offsets are from the start of the data. */
function readDirectory(cursor: Cursor, source: ByteSource, count: number): Map<string, Tensor> {
  const entries = new Map<string, Tensor>();
  for (let index = 0; index < count; index++) {
    const entry = readEntry(cursor, source);
    if (entries.has(entry.name)) throw damaged(source, `the tensor ${entry.name} is there twice`);
    entries.set(entry.name, entry);
  }
  return entries;
}

function readEntry(cursor: Cursor, source: ByteSource): Tensor {
  const name = cursor.text('the name of a tensor');
  const rank = cursor.u32(`the number of dimensions of ${name}`);
  if (rank < 1 || rank > DIMENSIONS_MAX) {
    throw damaged(source, `${name} has ${rank} dimensions, and 1 to ${DIMENSIONS_MAX} are possible`);
  }
  const dimensions: number[] = [];
  let elements = 1;
  for (let axis = 0; axis < rank; axis++) {
    // No type has less than a bit for an element, which keeps the product far below 2^53.
    const most = Math.floor((source.size * 8) / elements);
    const length = cursor.count(`dimension ${axis} of ${name}`, most);
    if (length === 0) throw damaged(source, `dimension ${axis} of ${name} is 0`);
    dimensions.push(length);
    elements *= length;
  }
  const number = cursor.u32(`the type of ${name}`);
  const type = TENSOR_TYPES.get(number);
  if (type === undefined) throw damaged(source, `${name} has the type ${number}, which does not exist`);
  if ((dimensions[0] as number) % type.block !== 0) {
    throw damaged(
      source,
      `rows of ${name} have ${dimensions[0]} elements, not whole blocks of ${type.block}`,
    );
  }
  const offset = cursor.count(`the offset of ${name}`, source.size);
  return { name, type, dimensions, offset, bytes: (elements / type.block) * type.bytes };
}

/** Moves offsets to the start of the file; every tensor must be aligned, inside the file, and apart from the others. */
function place(source: ByteSource, entries: Map<string, Tensor>, headerEnd: number, align: number) {
  const base = Math.ceil(headerEnd / align) * align;
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of entries) {
    if (entry.offset % align !== 0) {
      throw damaged(source, `the offset ${entry.offset} of ${name} is no multiple of the alignment ${align}`);
    }
    const offset = base + entry.offset;
    if (offset + entry.bytes > source.size) {
      throw damaged(source, `${name} ends at byte ${offset + entry.bytes}, and the file has ${source.size}`);
    }
    tensors.set(name, { ...entry, offset });
  }
  let before: Tensor | undefined;
  for (const tensor of [...tensors.values()].sort((a, b) => a.offset - b.offset)) {
    if (before !== undefined && before.offset + before.bytes > tensor.offset) {
      throw damaged(source, `${before.name} and ${tensor.name} overlap`);
    }
    before = tensor;
  }
  return tensors;
}
