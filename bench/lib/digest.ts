/** A fingerprint of aggregation results that does not depend on their order. */
import { createHash } from 'node:crypto';

/** One result: its key, the start of its window in µs, and its aggregates. */
export interface Group {
  readonly origin: string;
  readonly start: number;
  readonly flights: number;
  readonly total: number;
  readonly mean: number;
}

/** How many groups there are, and the SHA-256 of all their values. */
export interface Digest {
  readonly groups: number;
  readonly sha256: string;
}

/** Values are written as JavaScript writes numbers, which tells any two doubles apart. O(n log n). */
export function digest(groups: Group[]): Digest {
  groups.sort((a, b) => a.start - b.start || (a.origin < b.origin ? -1 : 1));
  const hash = createHash('sha256');
  for (const { origin, start, flights, total, mean } of groups) {
    hash.update(`${origin},${start},${flights},${total},${mean}\n`);
  }
  return { groups: groups.length, sha256: hash.digest('hex') };
}
