/** Values drawn by Zipf's law, and what is true of them: one sort answers every question that a sketch estimates. */

/** Ranks are drawn from 1 to below this. */
const RANKS = 2 ** 40;

/**
 * `count` values by Zipf's law with exponent 1, the logarithm of their rank being uniform. Different streams share no
 * value, so what one stream's hashes happen to be says nothing about another's.
 */
export function zipfian(count: number, stream: number): Float64Array {
  const [uniform, base] = [generator(stream), (stream % 4096) * 2 * RANKS];
  const values = new Float64Array(count);
  for (let row = 0; row < count; row++) values[row] = base + Math.floor(RANKS ** uniform());
  return values;
}

/** Uniform numbers from 0 to below 1, by Steele, Lea and Flood's SplitMix with 32 bits of state. */
function generator(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** What is true of some values. */
export class Truth {
  readonly #sorted: Float64Array;

  constructor(values: Float64Array) {
    this.#sorted = values.toSorted();
  }

  get rows(): number {
    return this.#sorted.length;
  }

  distinct(): number {
    let distinct = 0;
    this.#sorted.forEach((value, at) => {
      if (value !== this.#sorted[at - 1]) distinct += 1;
    });
    return distinct;
  }

  /** How often a value comes. */
  count(value: number): number {
    return this.#below(value, true) - this.#below(value, false);
  }

  /** The counts of all values that come more than `least` times, by value. */
  frequent(least: number): Map<number, number> {
    const found = new Map<number, number>();
    for (let at = 0; at < this.rows; ) {
      const value = this.#sorted[at] as number;
      let end = at;
      while (this.#sorted[end] === value) end += 1;
      if (end - at > least) found.set(value, end - at);
      at = end;
    }
    return found;
  }

  /** The value at the share `q` of the way through the sorted values, between two neighbours linearly. */
  quantile(q: number): number {
    const position = Math.min(Math.max(q, 0), 1) * (this.rows - 1);
    const [low, high] = [this.#sorted[Math.floor(position)], this.#sorted[Math.ceil(position)]] as [
      number,
      number,
    ];
    return low + (high - low) * (position - Math.floor(position));
  }

  /** How many values are smaller, or with `equal` not larger. */
  #below(value: number, equal: boolean): number {
    let [low, high] = [0, this.rows];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = this.#sorted[middle] as number;
      if (at < value || (equal && at === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
