/**
 * Sliding windows in plain JavaScript by merging every pane of every window anew, which is what engines do whose windows
 * are lists of panes. It is a kind peer: panes of a key lie side by side in typed arrays, so that merging one costs an
 * addition or two, and there are neither row watermarks nor a state that could be stored.
 */
import { flightsTable } from '../lib/flights.ts';
import { collectGarbage, serve } from '../lib/peer.ts';
import type { Question, Sums, Timed } from './question.ts';

const MINUTE = 60_000_000;

const table = await flightsTable();
const date = Float64Array.from(table.getChild('date')?.toArray() as BigInt64Array, Number);
const delay = Float64Array.from(table.getChild('delay')?.toArray() as BigInt64Array, Number);
const known = new Map<string, number>();
const key = Uint16Array.from(table.getChild('origin') ?? [], (text: string) => {
  const code = known.get(text) ?? known.size;
  known.set(text, code);
  return code;
});
const keys = known.size;

/** All panes of all keys: `count` and `sum` of pane `p` of key `k` lie at `k * width + p`. */
interface Panes {
  readonly width: number;
  readonly count: Float64Array;
  readonly sum: Float64Array;
}

function fill(rows: number): Panes {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < rows; row++) {
    const pane = Math.floor((date[row] as number) / MINUTE);
    if (pane < first) first = pane;
    if (pane > last) last = pane;
  }
  const width = last - first + 1;
  const [count, sum] = [new Float64Array(keys * width), new Float64Array(keys * width)];
  for (let row = 0; row < rows; row++) {
    const at = (key[row] as number) * width + Math.floor((date[row] as number) / MINUTE) - first;
    count[at] = (count[at] as number) + 1;
    sum[at] = (sum[at] as number) + (delay[row] as number);
  }
  return { width, count, sum };
}

function fire({ width, count, sum }: Panes, ratio: number): Sums {
  const sums = { results: 0, flights: 0, total: 0, mean: 0 };
  for (let window = 1 - ratio; window < width; window++) {
    const [from, to] = [Math.max(window, 0), Math.min(window + ratio, width)];
    for (let k = 0; k < keys; k++) {
      let [flights, total] = [0, 0];
      for (let at = k * width + from; at < k * width + to; at++) {
        flights += count[at] as number;
        total += sum[at] as number;
      }
      if (flights === 0) continue;
      sums.results += 1;
      sums.flights += flights;
      sums.total += total;
      sums.mean += total / flights;
    }
  }
  return sums;
}

serve({
  time: ({ rows, ratio }: Question): Timed => {
    collectGarbage();
    const begin = performance.now();
    const { results } = fire(fill(rows), ratio);
    return { ms: performance.now() - begin, results };
  },
  sums: ({ rows, ratio }: Question): Sums => fire(fill(rows), ratio),
});
