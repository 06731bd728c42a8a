/** Makes the blocks of GGUF tensors out of numbers for tests, and says which numbers they then stand for. */
import { fromHalf, toHalf } from './float16.ts';

export type Quantisation = 'F32' | 'F16' | 'Q8_0' | 'Q4_0' | 'Q4_1';
export const QUANTISATIONS: readonly Quantisation[] = ['F32', 'F16', 'Q8_0', 'Q4_0', 'Q4_1'];

/** The bytes of a tensor, and the numbers that they stand for. */
export interface Quantised {
  readonly bytes: Uint8Array;
  readonly values: Float64Array;
}

/** Rounds `numbers` to what `type` can hold; for the block types their count is a multiple of 32. */
export function quantise(numbers: Float64Array, type: Quantisation): Quantised {
  if (type === 'F32') {
    const floats = Float32Array.from(numbers);
    return { bytes: new Uint8Array(floats.buffer), values: Float64Array.from(floats) };
  }
  if (type === 'F16') {
    const halves = Uint16Array.from(numbers, toHalf);
    return { bytes: new Uint8Array(halves.buffer), values: Float64Array.from(halves, fromHalf) };
  }
  const blocks: Uint8Array[] = [];
  const values = new Float64Array(numbers.length);
  for (let at = 0; at < numbers.length; at += 32) {
    const block = BLOCKS[type](numbers.subarray(at, at + 32));
    blocks.push(block.bytes);
    values.set(block.values, at);
  }
  return { bytes: Buffer.concat(blocks), values };
}

const BLOCKS = { Q8_0: block8, Q4_0: block40, Q4_1: block41 };

function block8(numbers: Float64Array): Quantised {
  const scale = toHalf(largest(numbers) / 127);
  const d = fromHalf(scale);
  const codes = Int8Array.from(numbers, (number) => clamp(d === 0 ? 0 : number / d, -127, 127));
  return {
    bytes: Buffer.concat([half(scale), Buffer.from(codes.buffer)]),
    values: Float64Array.from(codes, (code) => code * d),
  };
}

function block40(numbers: Float64Array): Quantised {
  const scale = toHalf(largest(numbers) / 7);
  const d = fromHalf(scale);
  const codes = Uint8Array.from(numbers, (number) => clamp(d === 0 ? 8 : number / d + 8, 0, 15));
  return {
    bytes: Buffer.concat([half(scale), nibbles(codes)]),
    values: Float64Array.from(codes, (code) => (code - 8) * d),
  };
}

function block41(numbers: Float64Array): Quantised {
  const least = toHalf(Math.min(...numbers));
  const m = fromHalf(least);
  const scale = toHalf((Math.max(...numbers) - m) / 15);
  const d = fromHalf(scale);
  const codes = Uint8Array.from(numbers, (number) => clamp(d === 0 ? 0 : (number - m) / d, 0, 15));
  return {
    bytes: Buffer.concat([half(scale), half(least), nibbles(codes)]),
    values: Float64Array.from(codes, (code) => code * d + m),
  };
}

/** Byte i holds the elements i (low half) and i + 16 (high half). */
function nibbles(codes: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => (codes[index] ?? 0) | ((codes[index + 16] ?? 0) << 4));
}

const half = (bits: number): Buffer => Buffer.from([bits & 255, bits >> 8]);
const largest = (numbers: Float64Array): number => Math.max(...numbers.map(Math.abs));
const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, Math.round(value)));
