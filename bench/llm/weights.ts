/** The weights of the LLM benchmark: those of the catalogue, and the same in the type that llama.cpp is fastest with. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tensorNumbers, writtenKeys } from '../../test/llm/float-copy.ts';
import { toHalf } from '../../test/llm/float16.ts';
import { writeGguf } from '../../test/llm/gguf-writer.ts';
import type { Quantisation } from '../../test/llm/quantise.ts';
import { FileSource } from '../../ts/llm/gguf/byte-source.ts';
import { readGguf, readTensor } from '../../ts/llm/gguf/gguf.ts';
import { modelCache } from '../../ts/llm/import/cache.ts';
import { catalogueEntry } from '../../ts/llm/pull/pull.ts';

/** GGUF's `general.file_type` for files of mostly Q4_0. */
const MOSTLY_Q4_0 = 2;

/** Elements of a block of Q4_0, and its bytes. */
const BLOCK = 32;
const BLOCK_BYTES = 18;

/** The path of the weights, which are not fetched here. */
export function smollm2(): string {
  const file = path.join(modelCache(), catalogueEntry('smollm2').file);
  if (existsSync(file)) return file;
  throw new Error('The weights are missing: npm run headrace -- model pull smollm2');
}

/**
 * The same model with every Q4_1 matrix rounded to Q4_0; made once, and kept in the cache folder. Embedding, head and norms
 * stay as they are, so that both files read equally many bytes for them.
 */
export function asQ40(file: string): string {
  const folder = path.join(path.dirname(modelCache()), 'bench');
  const copy = path.join(folder, `${path.basename(file, '.gguf')}-as-Q4_0.gguf`);
  if (existsSync(copy)) return copy;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${copy}.part`, requantised(file));
  renameSync(`${copy}.part`, copy);
  return copy;
}

function requantised(file: string): Uint8Array {
  using source = new FileSource(file);
  const gguf = readGguf(source);
  const keys = writtenKeys(gguf).map((key) =>
    key[0] === 'general.file_type' ? ([key[0], key[1], MOSTLY_Q4_0] as const) : key,
  );
  const tensors = [...gguf.tensors.values()].map((tensor) => {
    const { name, type, dimensions } = tensor;
    const bytes = readTensor(gguf, tensor);
    if (type.name !== 'Q4_1') return { name, type: type.name as Quantisation, dimensions, bytes };
    return { name, type: 'Q4_0' as const, dimensions, bytes: q40(tensorNumbers(type.name, bytes)) };
  });
  return writeGguf({ keys, tensors });
}

/**
 * Blocks of 32 as llama.cpp rounds them: the number that lies farthest from zero becomes −8, and a block is its scale as a half
 * and 16 bytes, of which byte i has the elements i (low half) and i + 16.
 */
function q40(numbers: Float32Array): Uint8Array {
  const blocks = new Uint8Array((numbers.length / BLOCK) * BLOCK_BYTES);
  for (let at = 0, to = 0; at < numbers.length; at += BLOCK, to += BLOCK_BYTES) {
    let farthest = 0;
    for (let index = at; index < at + BLOCK; index++) {
      const number = numbers[index] as number;
      if (Math.abs(number) > Math.abs(farthest)) farthest = number;
    }
    const scale = farthest / -8;
    const half = toHalf(scale);
    blocks[to] = half & 255;
    blocks[to + 1] = half >> 8;
    const code = (number = 0) => Math.min(15, Math.floor((scale === 0 ? 0 : number / scale) + 8.5));
    for (let index = 0; index < BLOCK / 2; index++) {
      const high = code(numbers[at + index + BLOCK / 2]) << 4;
      blocks[to + 2 + index] = code(numbers[at + index]) | high;
    }
  }
  return blocks;
}
