/** `headrace run FILE`: runs a pipeline to its end; Ctrl-C stops it with a checkpoint. */
import { disorderText } from '../control/disorder.ts';
import type { Job, JobResult } from '../control/job.ts';
import { run } from '../control/run.ts';
import { loadPipeline } from './pipeline-file.ts';
import { formatCount, Progress } from './progress.ts';
import { StopSignals } from './stop-signals.ts';

export interface RunFlags {
  readonly json?: boolean;
  readonly fresh?: boolean;
  readonly parallelism?: number;
}

/** Runs the pipeline in `file`. Progress goes to stderr, the result to stdout. */
export async function runCommand(file: string, flags: RunFlags): Promise<void> {
  const { outputs, options } = await loadPipeline(file);
  const { checkpoint } = options;
  const job = await run(outputs, {
    ...options,
    ...(flags.parallelism === undefined ? {} : { parallelism: flags.parallelism }),
    ...(checkpoint !== undefined && flags.fresh ? { checkpoint: { ...checkpoint, fresh: true } } : {}),
  });
  const say = (text: string) => void (flags.json || process.stderr.write(`${text}\n`));
  sayRestored(job, say);
  using _signals = stopOnSignals(job, checkpoint !== undefined, say);
  const progress = flags.json ? undefined : new Progress(job, process.stderr);
  try {
    const result = await job.done;
    progress?.stop();
    process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : `${summary(result, job)}\n`);
  } finally {
    progress?.stop();
  }
}

function sayRestored({ restored }: Job, say: (text: string) => void): void {
  const { from, checkpoint, parallelism } = restored;
  if (from === 'checkpoint')
    say(`Going on from checkpoint ${checkpoint}, taken at parallelism ${parallelism}.`);
  if (from === 'finished') say('The last run had finished, so this one starts over.');
}

/** The first SIGINT or SIGTERM stops the job, the second cancels it. */
function stopOnSignals(job: Job, durable: boolean, say: (text: string) => void): Disposable {
  const signals = new StopSignals(() => void job.cancel());
  signals.heard().then(() => {
    say(`\nStopping${durable ? ' with a checkpoint' : ''}; once more to cancel.`);
    job.stop().catch(() => {
      // `done` tells how the job ended.
    });
  });
  return signals;
}

function summary({ outcome, metrics, durationMs }: JobResult, { restored }: Job): string {
  const seconds = durationMs / 1000;
  const read = metrics.rowsIn - restored.rowsIn;
  const speed = formatCount(Math.round(read / Math.max(seconds, 0.001)));
  const together = restored.from === 'checkpoint' ? ', with those of earlier runs' : '';
  const lines = [
    `${outcome === 'finished' ? 'Finished' : 'Stopped'} after ${seconds.toFixed(1)} s (${speed} rows/s).`,
    `rows in   ${formatCount(metrics.rowsIn)}${together}`,
    `rows out  ${formatCount(metrics.rowsOut)}`,
  ];
  if (metrics.rowsLate > 0) lines.push(`late      ${formatCount(metrics.rowsLate)}`);
  for (const [reason, count] of Object.entries(metrics.dropped)) {
    if (count > 0) lines.push(`dropped   ${formatCount(count)} (${reason})`);
  }
  for (const disorder of metrics.disorder) lines.push(`disorder  ${disorderText(disorder)}`);
  return lines.join('\n');
}
