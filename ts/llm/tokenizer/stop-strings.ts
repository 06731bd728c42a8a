/**
 * Ends a text before the first stop string in it. Text comes in pieces, and a stop string may lie across them: what could
 * still become one is held back. The outcome does not depend on where the pieces are cut.
 */

/** What can be given out after a piece. */
export interface StopStep {
  readonly text: string;
  /** The stop string that ended the text. */
  readonly stop: string | undefined;
}

export class StopStrings {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #held = '';
  #stop: string | undefined;

  /** `stops` are not empty strings. */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  /**
   * The next piece. The stop string that is complete first ends the text; of those that are complete at once, the longest.
   * O((piece + longest stop) × stops).
   */
  push(piece: string): StopStep {
    if (this.#stop !== undefined) return { text: '', stop: this.#stop };
    const text = this.#held + piece;
    const found = this.#first(text);
    if (found !== undefined) {
      this.#held = '';
      this.#stop = found.stop;
      return { text: text.slice(0, found.at), stop: found.stop };
    }
    const keep = this.#hold(text);
    this.#held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stop: undefined };
  }

  /** What was held back, when the text ends without a stop string. */
  end(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  #first(text: string): { at: number; stop: string } | undefined {
    let best: { at: number; stop: string } | undefined;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at < 0) continue;
      const end = at + stop.length;
      const bestEnd = best === undefined ? Number.POSITIVE_INFINITY : best.at + best.stop.length;
      if (end < bestEnd || (end === bestEnd && best !== undefined && at < best.at)) best = { at, stop };
    }
    return best;
  }

  /** The length of the longest end of `text` that is the beginning of a stop string. */
  #hold(text: string): number {
    for (let length = Math.min(text.length, this.#longest - 1); length > 0; length--) {
      const tail = text.slice(text.length - length);
      if (this.#stops.some((stop) => stop.length > length && stop.startsWith(tail))) return length;
    }
    return 0;
  }
}
