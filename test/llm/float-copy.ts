/** A copy of a model file with all tensors as 32-bit floats: what its blocks stand for, by the definition of their types. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { FileSource } from '../../ts/llm/gguf/byte-source.ts';
import { type Gguf, readGguf, readTensor } from '../../ts/llm/gguf/gguf.ts';
import { fromHalf } from './float16.ts';
import { type WrittenKey, writeGguf } from './gguf-writer.ts';

const ALIGNMENT = 32;

/** Writes the copy, tensor by tensor. */
export function writeFloatCopy(from: string, to: string): void {
  using source = new FileSource(from);
  const gguf = readGguf(source);
  const tensors = [...gguf.tensors.values()];
  let offset = 0;
  const directory = tensors.map(({ name, dimensions }) => {
    const entry = { name, type: 'F32', dimensions, bytes: new Uint8Array(0), offset } as const;
    offset += Math.ceil(dimensions.reduce((product, length) => product * length, 4) / ALIGNMENT) * ALIGNMENT;
    return entry;
  });
  writeFileSync(to, writeGguf({ keys: writtenKeys(gguf), tensors: directory, alignment: ALIGNMENT }));
  for (const tensor of tensors) {
    const floats = tensorNumbers(tensor.type.name, readTensor(gguf, tensor));
    const padded = new Uint8Array(Math.ceil(floats.byteLength / ALIGNMENT) * ALIGNMENT);
    padded.set(new Uint8Array(floats.buffer));
    appendFileSync(to, padded);
  }
}

/** The keys of a file, to write them again. */
export function writtenKeys({ metadata }: Gguf): WrittenKey[] {
  return metadata.keys().map((key) => {
    const value = metadata.value(key);
    return [key, typeOf(key, Array.isArray(value) ? value[0] : value), value];
  });
}

/** llama.cpp insists on types: a float may be whole by chance, and the types of tokens are signed. */
function typeOf(key: string, value: unknown): WrittenKey[1] {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (key === 'tokenizer.ggml.token_type') return 'i32';
  return Number.isInteger(value) && !key.endsWith('rope.freq_base') ? 'u32' : 'f32';
}

/** The numbers that a tensor's bytes stand for; F32, Q8_0 and Q4_1. */
export function tensorNumbers(type: string, bytes: Uint8Array): Float32Array {
  const data = new DataView(bytes.buffer);
  const half = (at: number) => fromHalf(data.getUint16(at, true));
  if (type === 'F32') return new Float32Array(bytes.buffer);
  const size = type === 'Q8_0' ? 34 : 20;
  if (type !== 'Q8_0' && type !== 'Q4_1') throw new Error(`no copy of ${type}`);
  const all = new Float32Array((bytes.length / size) * 32);
  for (let block = 0; block * size < bytes.length; block++) {
    const at = block * size;
    for (let index = 0; index < 32; index++) {
      const byte = data.getUint8(at + 4 + (index % 16));
      const nibble = index < 16 ? byte & 15 : byte >> 4;
      all[block * 32 + index] =
        type === 'Q8_0' ? data.getInt8(at + 2 + index) * half(at) : nibble * half(at) + half(at + 2);
    }
  }
  return all;
}
