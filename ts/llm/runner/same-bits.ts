/** Results that should be equal, compared bit by bit. Of each only a digest is kept. */
import { hash } from 'node:crypto';

/** Differences that are told; one is enough to know. */
const TOLD_MAX = 8;

interface Seen {
  readonly digest: string;
  readonly finite: boolean;
  /** How it was computed. */
  readonly way: string;
}

export class SameBits {
  readonly differences: string[] = [];
  /** Finite results that were found equal to an earlier one. */
  compared = 0;
  readonly #seen = new Map<string, Seen>();

  /**
   * Takes a result: the first under a name is remembered, each later one must have its bits. Results that are both not finite
   * may differ: a NaN has many bit patterns, and nobody is answered with one. O(bytes).
   */
  add(name: string, way: string, values: Float32Array): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const seen: Seen = { digest: hash('sha256', bytes, 'base64'), finite: allFinite(values), way };
    const before = this.#seen.get(name);
    if (before === undefined) this.#seen.set(name, seen);
    else if (before.digest === seen.digest) this.compared += Number(seen.finite);
    else if ((before.finite || seen.finite) && this.differences.length < TOLD_MAX)
      this.differences.push(`${name}: ${before.way}, and ${way}`);
  }
}

function allFinite(values: Float32Array): boolean {
  // What is not finite leaves NaN behind; this is faster than asking for each.
  let zero = 0;
  for (let at = 0; at < values.length; at++) zero += (values[at] as number) * 0;
  return zero === 0;
}
