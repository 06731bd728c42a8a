/**
 * Reads the header of a file front to back, through one window. Nothing is allocated on the word of the file alone: what
 * is asked for must lie in the file and in the part of it that a header may take.
 */
import type { ByteSource } from './byte-source.ts';
import { damaged } from './damaged.ts';

/** The longest header: the largest known vocabularies take less than a quarter of it. */
export const HEADER_BYTES_MAX = 64 * 1024 * 1024;

/** What is read at once; longer only where a single value is. */
const WINDOW_BYTES = 256 * 1024;

export class Cursor {
  /** The offset of the next byte in the file. */
  position = 0;
  readonly #source: ByteSource;
  readonly #end: number;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #window = new DataView(new ArrayBuffer(0));
  #start = 0;
  /** Where in the window the value taken last begins. */
  #at = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#end = Math.min(source.size, HEADER_BYTES_MAX);
  }

  /** How many bytes the rest of the header can have at most. */
  get left(): number {
    return this.#end - this.position;
  }

  u8 = (what: string): number => this.#take(1, what).getUint8(this.#at);
  i8 = (what: string): number => this.#take(1, what).getInt8(this.#at);
  u16 = (what: string): number => this.#take(2, what).getUint16(this.#at, true);
  i16 = (what: string): number => this.#take(2, what).getInt16(this.#at, true);
  u32 = (what: string): number => this.#take(4, what).getUint32(this.#at, true);
  i32 = (what: string): number => this.#take(4, what).getInt32(this.#at, true);
  u64 = (what: string): bigint => this.#take(8, what).getBigUint64(this.#at, true);
  i64 = (what: string): bigint => this.#take(8, what).getBigInt64(this.#at, true);
  f32 = (what: string): number => this.#take(4, what).getFloat32(this.#at, true);
  f64 = (what: string): number => this.#take(8, what).getFloat64(this.#at, true);

  flag = (what: string): boolean => {
    const byte = this.u8(what);
    if (byte > 1) throw damaged(this.#source, `${what} is ${byte}, and neither true nor false`);
    return byte === 1;
  };

  /** A count or size of 64 bits, at most `max`. */
  count(what: string, max: number): number {
    const count = this.u64(what);
    if (count > BigInt(max))
      throw damaged(this.#source, `${what} is ${count}, and at most ${max} are possible`);
    return Number(count);
  }

  /** A string: its length in bytes, then UTF-8. */
  text = (what: string): string => {
    const length = this.count(`the length of ${what}`, Math.max(0, this.left - 8));
    const { buffer } = this.#take(length, what);
    try {
      return this.#text.decode(new Uint8Array(buffer, this.#at, length));
    } catch {
      throw damaged(this.#source, `${what} is not UTF-8`);
    }
  };

  /** Makes `bytes` bytes lie in the window, and moves behind them. */
  #take(bytes: number, what: string): DataView<ArrayBuffer> {
    if (bytes > this.left) {
      const why =
        this.#end < this.#source.size
          ? `the header is longer than ${HEADER_BYTES_MAX} bytes`
          : 'the file ends';
      throw damaged(this.#source, `${why} within ${what}, at byte ${this.position}`);
    }
    if (this.position + bytes > this.#start + this.#window.byteLength) {
      const length = Math.min(Math.max(bytes, WINDOW_BYTES), this.left);
      const window = new Uint8Array(length);
      this.#source.read(window, this.position);
      this.#window = new DataView(window.buffer);
      this.#start = this.position;
    }
    this.#at = this.position - this.#start;
    this.position += bytes;
    return this.#window;
  }
}
