/**
 * Takes the blocks of GGUF's quantised tensors apart: codes and scales lie interleaved there, and the runtime wants each
 * together. No code and no scale is changed.
 */

/** Elements of a block of every type here. */
export const BLOCK = 32;

/** A quantised tensor: element i of block b is `code · scale[b] + minimum[b]`, with codes counted from their middle. */
export interface Blocks {
  readonly bits: 4 | 8;
  /** Codes as unsigned numbers whose middle is 8 or 128; two of 4 bits in a byte, the first in the low half. */
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  /** What is added to every element of a block; undefined where it is nothing. */
  readonly minima: Float32Array | undefined;
}

/** Takes a tensor apart; O(bytes). */
export function takeApart(type: 'Q8_0' | 'Q4_0' | 'Q4_1', bytes: Uint8Array): Blocks {
  const { size, codesAt } = LAYOUTS[type];
  const bits = type === 'Q8_0' ? 8 : 4;
  const count = bytes.length / size;
  const width = (BLOCK * bits) / 8;
  const codes = new Uint8Array(count * width);
  const scales = new Float32Array(count);
  const minima = type === 'Q4_1' ? new Float32Array(count) : undefined;
  for (let block = 0; block < count; block++) {
    const at = block * size;
    const scale = half(bytes, at);
    scales[block] = scale;
    // Codes of Q4_1 count from 0; counted from 8, the minimum is higher by eight steps.
    if (minima !== undefined) minima[block] = half(bytes, at + 2) + 8 * scale;
    const from = at + codesAt;
    if (bits === 8) signedCodes(bytes, from, codes, block * width);
    else nibbles(bytes, from, codes, block * width);
  }
  return { bits, codes, scales, minima };
}

const LAYOUTS = {
  Q8_0: { size: 34, codesAt: 2 },
  Q4_0: { size: 18, codesAt: 2 },
  Q4_1: { size: 20, codesAt: 4 },
};

function signedCodes(bytes: Uint8Array, from: number, into: Uint8Array, to: number): void {
  for (let index = 0; index < BLOCK; index++) into[to + index] = (bytes[from + index] as number) ^ 0x80;
}

/** GGUF's byte i holds the elements i and i + 16; here byte i holds the elements 2i and 2i + 1. */
function nibbles(bytes: Uint8Array, from: number, into: Uint8Array, to: number): void {
  for (let index = 0; index < 8; index++) {
    const first = bytes[from + 2 * index] as number;
    const second = bytes[from + 2 * index + 1] as number;
    into[to + index] = (first & 0x0f) | ((second & 0x0f) << 4);
    into[to + 8 + index] = (first >> 4) | (second & 0xf0);
  }
}

/** Half precision to floats; O(bytes). */
export function widen(bytes: Uint8Array): Float32Array {
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => half(bytes, 2 * index));
}

function half(bytes: Uint8Array, at: number): number {
  return HALVES[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}

const HALVES = Float32Array.from({ length: 65_536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
});
