/** The job with somebody watching: it says what it goes on from, shows its progress, obeys Ctrl-C, and accounts for every row. */
import path from 'node:path';
import { disorderText } from '../../ts/control/disorder.ts';
import type { Job, JobResult } from '../../ts/index.ts';
import { accountLines, accountsOf, type RowAccount, unexplained } from './account.ts';
import { type JobSettings, startJob } from './job.ts';
import { Progress } from './progress.ts';
import { amount, bytes } from './text.ts';
import { worstHours } from './worst.ts';

/** How it ended. */
export interface Ending {
  readonly outcome: JobResult['outcome'];
  /** Whether every row that was read is accounted for. */
  readonly addsUp: boolean;
}

/** Runs the job to its end. Results go to stdout, everything about the run to stderr. */
export async function runAttended(settings: JobSettings): Promise<Ending> {
  const note = (text: string) => process.stderr.write(`${text}\n`);
  note(`Replaying ${path.basename(settings.source)} into ${settings.out}`);
  const largest = { checkpointBytes: 0 };
  const job = await startJob(settings, (event) => {
    if (event.event === 'checkpoint')
      largest.checkpointBytes = Math.max(largest.checkpointBytes, event.bytes);
  });
  const resumed = restoredLine(job, settings);
  if (resumed !== undefined) note(resumed);
  const progress = new Progress(job, settings.windowing.lag, process.stderr);
  const forget = obeySignals(job, note);
  let result: JobResult;
  try {
    result = await job.done;
  } finally {
    progress.stop();
    forget();
  }
  // Before DuckDB comes into the process.
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  if (result.outcome === 'stopped') {
    note(
      `Stopped with checkpoint ${result.metrics.checkpoints.last?.checkpoint}. Start again to go on from there.`,
    );
  } else {
    print(['', 'The worst hours (minutes late; windows with at least 20 flights):', '']);
    print((await worstHours(settings.out, settings.windowing)).map((line) => `  ${line}`));
  }
  return report(result, settings, { restored: job.restored, peakBytes, ...largest });
}

function restoredLine({ restored }: Job, settings: JobSettings): string | undefined {
  const { from, checkpoint, parallelism, rowsIn } = restored;
  if (from === 'finished') return 'The last run had finished: starting over.';
  if (from !== 'checkpoint') return undefined;
  const change =
    parallelism === settings.parallelism ? '' : `, which was taken at parallelism ${parallelism}`;
  return `Going on from checkpoint ${checkpoint}, ${amount(rowsIn)} flights in${change}.`;
}

/** The first Ctrl-C stops the job with a checkpoint, the second cancels it. Returns what undoes this. */
function obeySignals(job: Job, note: (text: string) => void): () => void {
  let asked = false;
  const obey = () => {
    if (asked) {
      void job.cancel();
      return;
    }
    asked = true;
    note('\nStopping with a checkpoint; once more to cancel.');
    // How it ended is told by `done`.
    job.stop().catch(() => {});
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, obey);
  return () => {
    for (const signal of signals) process.off(signal, obey);
  };
}

interface Facts {
  readonly restored: Job['restored'];
  readonly peakBytes: number;
  readonly checkpointBytes: number;
}

function report(result: JobResult, settings: JobSettings, facts: Facts): Ending {
  const { metrics, durationMs, outcome } = result;
  const [delays, network] = accountsOf(metrics);
  const seconds = durationMs / 1000;
  const { checkpoints } = metrics;
  const speed = (metrics.rowsIn - facts.restored.rowsIn) / seconds;
  print([
    '',
    facts.restored.from === 'checkpoint' ? 'The account, with what earlier runs had read:' : 'The account:',
    ...accountLines(delays).map(([count, what]) => `  ${amount(count).padStart(11)}  ${what}`),
    balance('windows', delays),
    balance('network', network),
    ...metrics.disorder.map((disorder) => `  disorder: ${disorderText(disorder)}`),
    '',
    `${windowsLine(delays)}, and ${windowsLine(network)} of the whole network; this run took ${seconds.toFixed(1)} s`,
    `${amount(Math.round(speed))} rows/s; ${checkpoints.completed} checkpoints of at most ${bytes(facts.checkpointBytes)}; peak memory ${bytes(facts.peakBytes)}`,
  ]);
  if (outcome === 'finished') print(whatNext(settings));
  return { outcome, addsUp: unexplained(delays) === 0 && unexplained(network) === 0 };
}

function balance(name: string, account: RowAccount): string {
  const missing = unexplained(account);
  if (missing === 0) return `  ${name}: adds up`;
  return `  ${name}: DOES NOT ADD UP, ${amount(Math.abs(missing))} rows too ${missing > 0 ? 'few' : 'many'}`;
}

function windowsLine({ windowsFired, updates }: RowAccount): string {
  return `${amount(windowsFired)} windows${updates === 0 ? '' : ` and ${amount(updates)} corrections`}`;
}

function whatNext({ out }: JobSettings): string[] {
  return [
    '',
    `${out}/windows, network and late hold Parquet files for any reader. What to try next:`,
    '  npm start -- --verify                  compare every window with DuckDB',
    '  npm start -- --fresh --rate 100k       slow enough for Ctrl-C, or kill -9; start again and it goes on',
    '  npm start -- --chaos 5                 let it be killed five times, and compare',
    '  npm start -- --key route --lag 28h     other windows: --help',
  ];
}

function print(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}
