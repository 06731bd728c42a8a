/** A job's progress as one line: rewritten in place on a terminal, printed now and then elsewhere. */
import { formatInstant } from '../control/format-table.ts';
import type { Job } from '../control/job.ts';
import type { JobMetrics } from '../control/metrics.ts';
import { WarningLines } from '../control/warnings.ts';

const TTY_MS = 250;
const PLAIN_MS = 5000;

/** Where progress is written. */
export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows a job's progress until it is stopped, and each of its warnings once. */
export class Progress {
  readonly #job: Job;
  readonly #target: ProgressTarget;
  readonly #timer: NodeJS.Timeout;
  readonly #warnings = new WarningLines();
  #before: { readonly rows: number; readonly atMs: number };

  constructor(job: Job, target: ProgressTarget) {
    this.#job = job;
    this.#target = target;
    this.#before = { rows: job.restored.rowsIn, atMs: performance.now() };
    this.#timer = setInterval(() => this.#show(job.metrics()), target.isTTY ? TTY_MS : PLAIN_MS);
    // The job keeps the process alive, not the line about it.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clear();
    this.#warn(this.#job.metrics());
  }

  #clear(): void {
    if (this.#target.isTTY) this.#target.write('\r\u001b[K');
  }

  #warn({ warnings }: JobMetrics): void {
    for (const line of this.#warnings.take(warnings)) {
      this.#clear();
      this.#target.write(`${line}\n`);
    }
  }

  #show(metrics: JobMetrics): void {
    this.#warn(metrics);
    const atMs = performance.now();
    const perSecond = ((metrics.rowsIn - this.#before.rows) * 1000) / Math.max(atMs - this.#before.atMs, 1);
    this.#before = { rows: metrics.rowsIn, atMs };
    const line = progressLine(metrics, perSecond);
    if (this.#target.isTTY)
      this.#target.write(`\r${line.slice(0, (this.#target.columns ?? 80) - 1)}\u001b[K`);
    else this.#target.write(`${line}\n`);
  }
}

/** Rows in and out, speed, watermark and the newest checkpoint. */
export function progressLine(metrics: JobMetrics, rowsPerSecond: number): string {
  const { watermark, checkpoints } = metrics;
  const parts = [
    `${formatCount(metrics.rowsIn)} rows in (${formatCount(Math.round(rowsPerSecond))}/s)`,
    `${formatCount(metrics.rowsOut)} out`,
  ];
  if (metrics.rowsLate > 0) parts.push(`${formatCount(metrics.rowsLate)} late`);
  if (watermark !== null) parts.push(`watermark ${formatInstant(BigInt(watermark))}`);
  const { last } = checkpoints;
  if (last !== null) parts.push(`checkpoint ${last.checkpoint} (${Math.round(last.durationMs)} ms)`);
  return parts.join(' · ');
}

/** A count with separators, such as `3,000,000`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
