/** Counts that outlive a run: they stand in every checkpoint, so that a job's account covers all of its runs. */
import type { OperatorCounters } from '../binding.ts';

/** What an operator has counted, over its subtasks. */
export interface OperatorCounts {
  readonly uid: string;
  readonly counters: Readonly<Record<string, number>>;
}

/** Counters that say how things stand rather than what has happened; they do not add up over subtasks and runs. */
const GAUGES: ReadonlySet<string> = new Set(['watermark', 'stateKeys', 'stateSlots', 'rowsHeld']);

/** The counts of each operator added up, without gauges. */
export function sumCounts(
  parts: readonly (OperatorCounts | Pick<OperatorCounters, 'uid' | 'counters'>)[],
): OperatorCounts[] {
  const sums = new Map<string, Map<string, number>>();
  for (const { uid, counters } of parts) {
    const sum = sums.get(uid) ?? new Map<string, number>();
    sums.set(uid, sum);
    for (const [name, count] of Object.entries(counters)) {
      if (!GAUGES.has(name)) sum.set(name, (sum.get(name) ?? 0) + Number(count));
    }
  }
  return [...sums].map(([uid, sum]) => ({ uid, counters: Object.fromEntries(sum) }));
}

/** The counts of one operator. */
export function countsOf(parts: readonly OperatorCounts[], uid: string): OperatorCounts[] {
  return parts.filter((part) => part.uid === uid);
}

/** The sum of one counter over operators. */
export function totalOf(parts: readonly OperatorCounts[], name: string): number {
  return parts.reduce((sum, { counters }) => sum + (counters[name] ?? 0), 0);
}
