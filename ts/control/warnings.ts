/** What a job warns about: nothing failed, but somebody should know. */
import { formatMicros } from '../api/duration.ts';
import type { Plan } from '../plan/generated.ts';
import { formatInstant } from './format-table.ts';
import type { NativeMetrics } from './metrics.ts';

/**
 * A row so far in the future that most rows after it are late, in a stream whose `watermark()` has no `maxAhead`. Each
 * watermark warns at most once a subtask; the counts go on.
 */
export interface JobWarning {
  readonly code: 'HR_ROW_FAR_AHEAD';
  /** What happened and what to do, in one line. */
  readonly message: string;
  readonly place: {
    readonly uid: string;
    readonly operator: string;
    /** The user's file and line. */
    readonly at: string | undefined;
    /** The row's origin as `partition:row`; of a row nearby, where rows were filtered out before. */
    readonly row: string;
  };
  /** The row's event time; µs since the epoch, exact up to the year 2255. */
  readonly eventTime: number;
  /** How many rows of its partition have followed, … */
  readonly rowsAfter: number;
  /** … and how many of them are late because of it. */
  readonly rowsLate: number;
}

/** The warnings of all operators. */
export function warningsOf({ operators }: NativeMetrics, plan: Plan): JobWarning[] {
  return operators.flatMap(({ uid, name, farAhead }) => {
    if (farAhead === undefined) return [];
    const { partition, row, time, ahead, rowsAfter, rowsLate } = farAhead;
    const at = plan.nodes.find((node) => node.uid === uid)?.at ?? undefined;
    const place = { uid, operator: name, at, row: `${partition}:${row}` };
    const message =
      `${rowsLate} of the ${rowsAfter} rows after row ${place.row} are late, because its event time ` +
      `${formatInstant(BigInt(time))} is ${formatMicros(wholeSeconds(ahead))} ahead of theirs ` +
      `(in ${name}${at === undefined ? '' : ` at ${at}`}). With maxAhead such a row moves no watermark.`;
    return [{ code: 'HR_ROW_FAR_AHEAD', message, place, eventTime: time, rowsAfter, rowsLate }];
  });
}

function wholeSeconds(micros: number): number {
  return Math.floor(micros / 1e6) * 1e6;
}

/** Hands out each warning once, as a line of text: counts change, and what it is about does not. */
export class WarningLines {
  readonly #told = new Set<string>();

  /** The lines for warnings that are new. */
  take(warnings: readonly JobWarning[]): string[] {
    return warnings.flatMap(({ code, message, place }) => {
      const about = `${code} ${place.uid} ${place.row}`;
      if (this.#told.has(about)) return [];
      this.#told.add(about);
      return [`Warning ${code}: ${message}`];
    });
  }
}
