/**
 * Byte-pair encoding of one word: of all neighbouring pairs that can be merged, the one of lowest rank is, leftmost first,
 * until none is left. O(n log n) in the bytes of the word, so that a word of a million letters is no attack.
 */
import type { Vocabulary } from './vocabulary.ts';

/** The tokens of a word. Bytes that the vocabulary does not have are left out. */
export function encodeWord(vocabulary: Vocabulary, word: Uint8Array): number[] {
  const { merges, byteTokens, size } = vocabulary;
  const tokens = Array.from(word, (byte) => byteTokens[byte] as number).filter((token) => token >= 0);
  const end = tokens.length;
  // A doubly linked list of the tokens that are still there; `end` and −1 are its ends.
  const next = tokens.map((_, at) => at + 1);
  const previous = tokens.map((_, at) => at - 1);
  const queue = new Queue();
  const mergeAt = (at: number) => {
    const after = next[at] as number;
    return after < end ? merges.get((tokens[at] as number) * size + (tokens[after] as number)) : undefined;
  };
  const offer = (at: number) => {
    const merge = at >= 0 ? mergeAt(at) : undefined;
    if (merge !== undefined) queue.push(merge.rank * PLACES + at);
  };
  for (let at = 0; at < end - 1; at++) offer(at);
  for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
    const at = top % PLACES;
    // Since it was offered, one of the two may have become part of another token.
    const merge = tokens[at] === GONE ? undefined : mergeAt(at);
    if (merge === undefined || merge.rank !== Math.floor(top / PLACES)) continue;
    const after = next[at] as number;
    tokens[at] = merge.result;
    tokens[after] = GONE;
    next[at] = next[after] as number;
    if ((next[at] as number) < end) previous[next[at] as number] = at;
    offer(at);
    offer(previous[at] as number);
  }
  return tokens.filter((token) => token !== GONE);
}

const GONE = -1;

/** Ranks stay below 2^21 and places below 2^32: together they are a whole number that a double holds exactly. */
const PLACES = 2 ** 32;

/** A binary heap of numbers, the least first. */
class Queue {
  readonly #heap: number[] = [];

  push(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= value) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
