/** What a job counts: the engine's raw counters, and the totals derived from them. */
import type { OperatorCounters } from '../binding.ts';
import type { Plan } from '../plan/generated.ts';
import type { CheckpointCounts } from './coordinator-state.ts';
import { type OperatorCounts, totalOf } from './counts.ts';
import { type DisorderMetrics, disorderOf } from './disorder.ts';
import { type JobWarning, warningsOf } from './warnings.ts';

/** The counters of one subtask of one operator in this run. */
export interface OperatorMetrics extends OperatorCounts {
  readonly name: string;
  readonly subtask: number;
}

/** What a channel between two subtasks holds, and the most it ever held. */
export interface ChannelMetrics {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  readonly bytes: number;
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** What the native library reports, as JSON. */
export interface NativeMetrics extends Omit<EngineMetrics, 'operators' | 'watermark'> {
  readonly operators: readonly (OperatorCounters & {
    /** The observed disorder as ascending buckets: the largest disorder in it, µs, and its rows. */
    readonly disorder?: readonly (readonly [disorder: number, rows: number])[];
    /** The row after which most are late; times in µs. */
    readonly farAhead?: {
      readonly partition: number;
      readonly row: number;
      readonly time: number;
      readonly ahead: number;
      readonly rowsAfter: number;
      readonly rowsLate: number;
    };
  })[];
}

/** The engine's own part of the metrics. */
export interface EngineMetrics {
  readonly operators: readonly OperatorMetrics[];
  readonly channels: readonly ChannelMetrics[];
  /** Bytes of batches that JavaScript has been given and has not answered. */
  readonly exportedBytes: number;
  /** Native threads of the job. */
  readonly threads: number;
  /** The smallest watermark of the job; µs since the epoch, null before the first and after the last row. */
  readonly watermark: number | null;
}

/**
 * The metrics of a job. Totals are of all its runs: what an earlier run read after the checkpoint that this one went on
 * from is read again, and counted once. `operators` and `checkpoints` are of this run.
 */
export interface JobMetrics extends EngineMetrics {
  /** What earlier runs had counted at the checkpoint that this run went on from, by operator; empty without one. */
  readonly before: readonly OperatorCounts[];
  /** Rows that the sources read. */
  readonly rowsIn: number;
  /** Rows that the sinks took. */
  readonly rowsOut: number;
  /** Rows late for all their windows. */
  readonly rowsLate: number;
  /** Rows late for some of their windows, and counted in the others. */
  readonly rowsLateForSome: number;
  /**
   * Rows of a partition that had been idle, behind the watermark for all of their windows although by themselves not
   * late; they are counted in `rowsLate` too. Only these may differ between runs.
   */
  readonly rowsLateAfterClose: number;
  /** Rows between windows, where the slide is larger than the size. */
  readonly rowsInNoWindow: number;
  /** Dropped rows by reason, such as `nullTime`. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly windowsFired: number;
  /** How far event time ran back, for each `watermark()`: what its lag can be chosen by. */
  readonly disorder: readonly DisorderMetrics[];
  /** What somebody should know although nothing failed. */
  readonly warnings: readonly JobWarning[];
  readonly checkpoints: CheckpointCounts;
}

const SINKS: ReadonlySet<string> = new Set(['parquetSink', 'hostSink', 'blackholeSink']);

/** The totals over all operators and runs. A job with several windows counts a row once for each. */
export function summarise(
  native: NativeMetrics,
  before: readonly OperatorCounts[],
  checkpoints: CheckpointCounts,
  plan: Plan,
): JobMetrics {
  const sinks = new Set(plan.nodes.flatMap(({ uid, op }) => (SINKS.has(op.op) ? [uid] : [])));
  const operators = native.operators.map(({ uid, name, subtask, counters }) => ({
    uid,
    name,
    subtask,
    counters: numeric(counters),
  }));
  const all: readonly OperatorCounts[] = [...operators, ...before];
  const total = (name: string) => totalOf(all, name);
  return {
    ...native,
    operators,
    before,
    watermark: watermarkOf(native),
    rowsIn: total('sourceRows'),
    // A consumer in JavaScript heads its own chain, so what came in is what it took.
    rowsOut: all
      .filter(({ uid }) => sinks.has(uid))
      .reduce((sum, { counters }) => sum + (counters.rowsOut ?? counters.headRows ?? 0), 0),
    rowsLate: total('rowsLate'),
    rowsLateForSome: total('rowsLateForSome'),
    rowsLateAfterClose: total('rowsLateAfterClose'),
    rowsInNoWindow: total('rowsInNoWindow'),
    dropped: droppedOf(all),
    windowsFired: total('windowsFired'),
    disorder: disorderOf(native, plan),
    warnings: warningsOf(native, plan),
    checkpoints,
  };
}

/** The counters that count; `watermark` does not. */
function numeric(counters: Readonly<Record<string, number | string>>): Record<string, number> {
  const entries = Object.entries(counters).filter(([name]) => name !== 'watermark');
  return Object.fromEntries(entries.map(([name, count]) => [name, Number(count)]));
}

function watermarkOf({ operators }: NativeMetrics): number | null {
  const known = operators.flatMap(({ counters: { watermark } }) => {
    const micros = watermark === undefined ? Number.NaN : Number(BigInt.asIntN(64, BigInt(watermark)));
    // The ends of 64 bits stand for no watermark yet and for the end of the input.
    return Math.abs(micros) < 2 ** 62 ? [micros] : [];
  });
  return known.length === 0 ? null : Math.min(...known);
}

const DROPPED = /^dropped(.)(.*)$/;

/** Counters called `droppedNullTime` and the like, by what follows `dropped`. */
function droppedOf(operators: readonly OperatorCounts[]): Record<string, number> {
  const dropped: Record<string, number> = {};
  for (const { counters } of operators) {
    for (const [name, count] of Object.entries(counters)) {
      const [, first, rest] = DROPPED.exec(name) ?? [];
      if (first === undefined) continue;
      const reason = `${first.toLowerCase()}${rest}`;
      dropped[reason] = (dropped[reason] ?? 0) + count;
    }
  }
  return dropped;
}
