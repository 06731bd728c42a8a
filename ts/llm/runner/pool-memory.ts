/** Has the system find memory for a KV cache before it is written, so that no request waits for that. */
import { native } from '../../binding.ts';
import type { KvPool } from './runner.ts';

/** Floats of a part: finding memory for it takes milliseconds at most. */
const PART = 2 ** 19;

export class PoolMemory {
  readonly #pool: KvPool;
  #found = 0;

  constructor(pool: KvPool) {
    this.#pool = pool;
  }

  /** Finds memory for the next part; false if there is none left, or if the system does not do so. O(1). */
  next(): boolean {
    const { data } = this.#pool;
    if (this.#found >= data.length) return false;
    const done = native.populate(data, this.#found, PART);
    this.#found = done ? this.#found + PART : data.length;
    return done;
  }
}
