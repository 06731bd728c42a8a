/**
 * Which rows are computed at once. Every row of a run is padded to the widest and to the longest context, so rows that differ
 * much are cheaper apart, and rows that are alike are cheaper together.
 *
 * Rows are sorted, once by width and once by context, and cut into runs where the sum of their costs is least (dynamic
 * programming over where the last run begins); the cheaper of the two is taken.
 */
import type { PlannedRun, RunCost, SchedulerLimits } from './step-plan.ts';

/** A row before it is known which run it belongs to. */
export interface Row {
  readonly sequence: number;
  /** The position of its first new token. */
  readonly start: number;
  /** New tokens, at least 1. */
  readonly count: number;
}

/** Most rows of a run, which bounds the work: at most so many cuts are tried behind each row. */
export const RUN_ROWS_MAX = 256;

interface Cut {
  /** Milliseconds of all runs. */
  readonly cost: number;
  readonly runs: readonly (readonly number[])[];
}

/**
 * Puts rows into runs. Runs, and the rows in them, keep the order in which the rows are given, as far as they can: a run is
 * where its first row would be. A row that has more than `maxRunCells` by itself is a run. O(rows · {@link RUN_ROWS_MAX}).
 */
export function group(
  rows: readonly Row[],
  limits: Pick<SchedulerLimits, 'blockTokens' | 'maxRunCells'>,
  cost: RunCost,
): PlannedRun[] {
  if (rows.length < 2) return rows.map(({ sequence, count }) => [{ sequence, count }]);
  const row = (place: number) => rows[place] as Row;
  const places = rows.map((_, place) => place);
  const byWidth = places.toSorted((a, b) => row(a).count - row(b).count || row(a).start - row(b).start);
  let best = cut(rows, byWidth, limits, cost);
  const widths = byWidth.length > 1 && row(byWidth[0] as number).count < row(byWidth.at(-1) as number).count;
  if (widths) {
    const byContext = places.toSorted((a, b) => row(a).start - row(b).start || row(a).count - row(b).count);
    const other = cut(rows, byContext, limits, cost);
    if (other.cost < best.cost) best = other;
  }
  return best.runs
    .map((run) => run.toSorted((a, b) => a - b))
    .toSorted(([a], [b]) => (a as number) - (b as number))
    .map((run) => run.map((place) => ({ sequence: row(place).sequence, count: row(place).count })));
}

/** Cuts the rows, in this order, where it costs least. */
function cut(
  rows: readonly Row[],
  order: readonly number[],
  { blockTokens, maxRunCells }: Pick<SchedulerLimits, 'blockTokens' | 'maxRunCells'>,
  cost: RunCost,
): Cut {
  const starts = Float64Array.from(order, (place) => (rows[place] as Row).start);
  const counts = Float64Array.from(order, (place) => (rows[place] as Row).count);
  // Of the rows before each place: the least cost, and where the last run begins then.
  const costs = new Float64Array(order.length + 1);
  const begins = new Int32Array(order.length + 1);
  for (let end = 1; end <= order.length; end++) {
    costs[end] = Number.POSITIVE_INFINITY;
    let start = 0;
    let width = 0;
    for (let begin = end - 1; begin >= Math.max(0, end - RUN_ROWS_MAX); begin--) {
      start = Math.max(start, starts[begin] as number);
      width = Math.max(width, counts[begin] as number);
      // Padding has positions too, and blocks for them.
      const context = Math.ceil((start + width) / blockTokens) * blockTokens;
      const length = end - begin;
      if (length > 1 && length * width * context > maxRunCells) break;
      const sum = (costs[begin] as number) + cost(length, width, context);
      if (sum <= (costs[end] as number)) {
        costs[end] = sum;
        begins[end] = begin;
      }
    }
  }
  const runs: (readonly number[])[] = [];
  for (let end = order.length; end > 0; end = begins[end] as number) {
    runs.push(order.slice(begins[end], end));
  }
  return { cost: costs[order.length] as number, runs };
}
