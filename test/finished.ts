/** Running a pipeline to its end, with the account of its rows. */
import { expect } from 'vitest';
import { type JobMetrics, type JobResult, type Output, type RunOptions, run } from '../ts/index.ts';

/** The rows that a window took, for at least one of its windows. */
function rowsInWindows({ operators }: JobMetrics): number {
  return operators.reduce((sum, { counters }) => sum + (counters.rowsInWindows ?? 0), 0);
}

/**
 * Runs `outputs` to their end. With `windows`, all rows of the sources go through that many windows one beside the
 * other, and each of them must say of every row where it went.
 */
export async function finished(
  outputs: Output | readonly Output[],
  options: RunOptions = {},
  { windows = 0 }: { readonly windows?: number } = {},
): Promise<JobResult> {
  const result = await (await run(outputs, options)).done;
  expect(result.outcome).toBe('finished');
  if (windows > 0) {
    const { metrics } = result;
    const lost = Object.values(metrics.dropped).reduce((sum, rows) => sum + rows, 0);
    const accounted = rowsInWindows(metrics) + metrics.rowsLate + metrics.rowsInNoWindow + lost * windows;
    expect(accounted, JSON.stringify(metrics)).toBe(metrics.rowsIn * windows);
  }
  return result;
}
