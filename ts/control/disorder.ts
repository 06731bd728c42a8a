/** The observed disorder of event time, from the histograms that the engine keeps. */
import { formatMicros } from '../api/duration.ts';
import type { Plan } from '../plan/generated.ts';
import type { NativeMetrics } from './metrics.ts';

/**
 * How far the event time of rows lay behind the largest one before them in their partition, for one `watermark()`, over
 * all its subtasks; in µs. Rows that were not behind count as 0. Quantiles are order statistics (the smallest disorder
 * that at least that share of the rows does not exceed) and at most 1/32 too large; `max` is exact.
 *
 * A row is late for no window when its disorder is at most `lag`: p99 at or below it means that at most 1 % were late.
 */
export interface DisorderMetrics {
  readonly uid: string;
  /** The operator's name, such as `watermark(date, 3h)`. */
  readonly name: string;
  /** The rows observed. */
  readonly rows: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The `lag` that the watermark has. */
  readonly lag: number;
}

/** One entry for each watermark that has seen rows, in the order of the plan. */
export function disorderOf({ operators }: NativeMetrics, plan: Plan): DisorderMetrics[] {
  return plan.nodes.flatMap(({ uid, name, op }) => {
    if (op.op !== 'watermark') return [];
    const buckets = operators.flatMap((one) => (one.uid === uid ? (one.disorder ?? []) : []));
    if (buckets.length === 0) return [];
    // The last bucket of a subtask ends at its largest disorder, so equal buckets may have different ends.
    const ascending = [...buckets].sort(([a], [b]) => a - b);
    const rows = ascending.reduce((sum, [, count]) => sum + count, 0);
    const at = (share: number) => quantile(ascending, Math.max(Math.ceil(share * rows), 1));
    return [{ uid, name, rows, p50: at(0.5), p99: at(0.99), max: at(1), lag: Number(op.lag) }];
  });
}

/** The disorder of the row with this rank, counted from 1. */
function quantile(ascending: readonly (readonly [disorder: number, rows: number])[], rank: number): number {
  let seen = 0;
  for (const [disorder, rows] of ascending) {
    seen += rows;
    if (seen >= rank) return disorder;
  }
  return 0;
}

/** The disorder beside the lag in one line: `p50 4m, p99 2h19m, max 1d3h; lag 3h`. */
export function disorderText({ p50, p99, max, lag }: DisorderMetrics): string {
  return `p50 ${rough(p50)}, p99 ${rough(p99)}, max ${rough(max)}; lag ${formatMicros(lag)}`;
}

const UNITS = [86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1000, 1];

/** A span to the unit below its largest one, rounded up: what is chosen by it should not be too small. */
function rough(micros: number): string {
  const largest = UNITS.findIndex((unit) => micros >= unit);
  const unit = UNITS[largest + 1] ?? 1;
  return formatMicros(Math.ceil(micros / unit) * unit);
}
