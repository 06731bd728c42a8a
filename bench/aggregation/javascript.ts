/** The aggregation in plain JavaScript: typed arrays, and one Map of accumulators that are changed in place. */
import { type Digest, digest, type Group } from '../lib/digest.ts';
import { flightsTable } from '../lib/flights.ts';
import { collectGarbage, serve } from '../lib/peer.ts';

const HOUR = 3_600_000_000;

interface Accumulator {
  readonly origin: string;
  readonly start: number;
  flights: number;
  total: number;
}

interface Columns {
  readonly date: Float64Array;
  readonly delay: Float64Array;
  readonly origin: readonly string[];
}

/** Numbers as doubles, which hold them exactly; equal texts are one string, whose hash is computed once. */
async function load(): Promise<Columns> {
  const table = await flightsTable();
  const doubles = (name: string) =>
    Float64Array.from(table.getChild(name)?.toArray() as BigInt64Array, Number);
  const known = new Map<string, string>();
  const origin = Array.from(table.getChild('origin') ?? [], (text: string) => {
    const same = known.get(text) ?? text;
    known.set(same, same);
    return same;
  });
  return { date: doubles('date'), delay: doubles('delay'), origin };
}

/** The Map is keyed by a number made of hour and airport, which costs a look-up more and saves making a string. */
function byNumber({ date, delay, origin }: Columns): Map<number, Accumulator> {
  const codes = new Map<string, number>();
  const groups = new Map<number, Accumulator>();
  for (let row = 0; row < date.length; row++) {
    const name = origin[row] as string;
    let code = codes.get(name);
    if (code === undefined) {
      code = codes.size;
      codes.set(name, code);
    }
    const hour = Math.floor((date[row] as number) / HOUR);
    const key = hour * 4096 + code;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { origin: name, start: hour * HOUR, flights: 1, total: delay[row] as number });
    } else {
      group.flights += 1;
      group.total += delay[row] as number;
    }
  }
  return groups;
}

/** The Map is keyed by a string made of hour and airport. */
function byText({ date, delay, origin }: Columns): Map<string, Accumulator> {
  const groups = new Map<string, Accumulator>();
  for (let row = 0; row < date.length; row++) {
    const name = origin[row] as string;
    const hour = Math.floor((date[row] as number) / HOUR);
    const key = `${hour}${name}`;
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, { origin: name, start: hour * HOUR, flights: 1, total: delay[row] as number });
    } else {
      group.flights += 1;
      group.total += delay[row] as number;
    }
  }
  return groups;
}

/** The results as columns. */
function finish(
  groups: Iterable<Accumulator>,
  count: number,
): Columns & { start: Float64Array; mean: Float64Array } {
  const [origin, date, start] = [new Array<string>(count), new Float64Array(count), new Float64Array(count)];
  const [delay, mean] = [new Float64Array(count), new Float64Array(count)];
  let at = 0;
  for (const group of groups) {
    origin[at] = group.origin;
    start[at] = group.start;
    date[at] = group.flights;
    delay[at] = group.total;
    mean[at] = group.total / group.flights;
    at += 1;
  }
  return { origin, start, date, delay, mean };
}

const columns = await load();

function results(groups: Iterable<Accumulator>): Digest {
  return digest(Array.from(groups, (group): Group => ({ ...group, mean: group.total / group.flights })));
}

function time(aggregate: (columns: Columns) => Map<unknown, Accumulator>): number {
  collectGarbage();
  const begin = performance.now();
  const groups = aggregate(columns);
  finish(groups.values(), groups.size);
  return performance.now() - begin;
}

serve({
  results: () => results(byNumber(columns).values()),
  resultsByText: () => results(byText(columns).values()),
  time: () => time(byNumber),
  timeByText: () => time(byText),
});
