/** Writes GGUF files for tests. It knows nothing of the reader, and writes what is asked for, sound or not. */
import type { Quantisation } from './quantise.ts';

const SCALARS = { u8: 0, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, u64: 10 } as const;
const TENSORS: Readonly<Record<Quantisation, number>> = { F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 8 };
const ARRAY = 9;

type ScalarType = keyof typeof SCALARS;

/** A key with its type and value; a list where the value is one. */
export type WrittenKey = readonly [key: string, type: ScalarType, value: unknown];

/** A tensor: dimensions with the fastest first. */
export interface WrittenTensor {
  readonly name: string;
  /** A type by its name, or by any number. */
  readonly type: Quantisation | number;
  readonly dimensions: readonly number[];
  readonly bytes: Uint8Array;
  /** Where its bytes are said to be, if not behind those of the tensor before. */
  readonly offset?: number;
}

export interface WrittenFile {
  readonly keys: readonly WrittenKey[];
  readonly tensors: readonly WrittenTensor[];
  readonly alignment?: number;
  readonly version?: number;
}

/** The bytes of the file. */
export function writeGguf({ keys, tensors, alignment = 32, version = 3 }: WrittenFile): Uint8Array {
  const header = [Buffer.from('GGUF'), u32(version), u64(tensors.length), u64(keys.length)];
  for (const [key, type, value] of keys) header.push(text(key), typed(type, value));
  let offset = 0;
  const data: Buffer[] = [];
  for (const tensor of tensors) {
    const type = typeof tensor.type === 'number' ? tensor.type : TENSORS[tensor.type];
    header.push(text(tensor.name), u32(tensor.dimensions.length), ...tensor.dimensions.map(u64));
    header.push(u32(type), u64(tensor.offset ?? offset));
    const padded = padding(tensor.bytes, alignment);
    data.push(padded);
    offset += padded.length;
  }
  return new Uint8Array(Buffer.concat([padding(Buffer.concat(header), alignment), ...data]));
}

function typed(type: ScalarType, value: unknown): Buffer {
  if (!Array.isArray(value)) return Buffer.concat([u32(SCALARS[type]), scalar(type, value)]);
  const elements = value.map((element) => scalar(type, element));
  return Buffer.concat([u32(ARRAY), u32(SCALARS[type]), u64(value.length), ...elements]);
}

function scalar(type: ScalarType, value: unknown): Buffer {
  if (type === 'string') return text(value as string);
  if (type === 'u64') return u64(value as number);
  if (type === 'u8' || type === 'bool') return Buffer.from([Number(value)]);
  const bytes = Buffer.alloc(4);
  if (type === 'f32') bytes.writeFloatLE(value as number);
  else if (type === 'i32') bytes.writeInt32LE(value as number);
  else bytes.writeUInt32LE(value as number);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function padding(bytes: Uint8Array, alignment: number): Buffer {
  const rest = bytes.length % alignment;
  return Buffer.concat([bytes, Buffer.alloc(rest === 0 ? 0 : alignment - rest)]);
}
