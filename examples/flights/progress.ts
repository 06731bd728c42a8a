/** The job's progress: a line that is rewritten on a terminal, a line every few seconds elsewhere. */
import { WarningLines } from '../../ts/control/warnings.ts';
import type { Job, JobMetrics } from '../../ts/index.ts';
import { amount, bytes, minute } from './text.ts';

const TERMINAL_MS = 100;
const PLAIN_MS = 3000;

/** Where the line goes; `process.stderr` is one. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows the simulated date until stopped, and each warning once. */
export class Progress {
  readonly #screen: Screen;
  readonly #job: Job;
  readonly #lag: bigint;
  readonly #timer: NodeJS.Timeout;
  readonly #warnings = new WarningLines();
  #before: { readonly rows: number; readonly ms: number };

  /** `lag` is what the watermark stays behind the simulated date; µs. */
  constructor(job: Job, lag: bigint, screen: Screen) {
    this.#job = job;
    this.#lag = lag;
    this.#screen = screen;
    this.#before = { rows: job.restored.rowsIn, ms: performance.now() };
    this.#timer = setInterval(() => this.#show(), screen.isTTY ? TERMINAL_MS : PLAIN_MS);
    // The job keeps the process alive, not the line about it.
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clear();
    this.#warn(this.#job.metrics());
  }

  #clear(): void {
    if (this.#screen.isTTY) this.#screen.write('\r\u001b[K');
  }

  #warn({ warnings }: JobMetrics): void {
    for (const line of this.#warnings.take(warnings)) {
      this.#clear();
      this.#screen.write(`${line}\n`);
    }
  }

  #show(): void {
    const metrics = this.#job.metrics();
    this.#warn(metrics);
    const { watermark, rowsIn, checkpoints } = metrics;
    const ms = performance.now();
    const speed = ((rowsIn - this.#before.rows) / Math.max(ms - this.#before.ms, 1)) * 1000;
    this.#before = { rows: rowsIn, ms };
    const { last } = checkpoints;
    const parts = [
      watermark === null ? 'sorting' : minute(BigInt(watermark) + this.#lag),
      `${amount(rowsIn)} flights`,
      `${amount(Math.round(speed))} rows/s`,
      ...(last === null
        ? []
        : [`checkpoint ${last.checkpoint}: ${Math.round(last.durationMs)} ms, ${bytes(last.bytes)}`]),
    ];
    const line = parts.join('  ·  ');
    if (this.#screen.isTTY)
      this.#screen.write(`\r${line.slice(0, (this.#screen.columns ?? 80) - 1)}\u001b[K`);
    else this.#screen.write(`${line}\n`);
  }
}
