/** headrace's main job: three million real flights, in the order in which they were seen. `npm start -- --help` */
import { isHeadraceError } from '../../ts/index.ts';
import { runAttended } from './attended.ts';
import { chaos } from './chaos.ts';
import { FLIGHTS, flightsFile } from './dataset.ts';
import type { JobSettings } from './job.ts';
import { type FlightsOptions, helpText, parseOptions, UsageError } from './options.ts';
import { describeVerification, verify } from './verify.ts';

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof UsageError || isHeadraceError(error) ? error.message : describe(error)}\n`,
  );
  process.exitCode =
    error instanceof UsageError ? 2 : isHeadraceError(error) && error.code === 'HR_CANCELLED' ? 130 : 1;
}

/** The exit code: 0 if everything that was asked for holds. */
async function main(): Promise<number> {
  const command = parseOptions(process.argv.slice(2));
  if (command.help) {
    say(helpText());
    return 0;
  }
  const { options } = command;
  const settings: JobSettings = { ...options, source: flightsFile() };
  if (options.chaos > 0) {
    const { chaos: kills, seed } = options;
    const { equal, out } = await chaos({ settings, kills, seed, rows: FLIGHTS }, say);
    return equal && (await verified(options, out)) ? 0 : 1;
  }
  const { outcome, addsUp } = await runAttended(settings);
  if (outcome === 'stopped') return addsUp ? 0 : 1;
  return addsUp && (await verified(options, options.out)) ? 0 : 1;
}

/** Whether the output is DuckDB's, or nobody asked. */
async function verified({ verify: asked, windowing }: FlightsOptions, out: string): Promise<boolean> {
  if (!asked) return true;
  say('\nComparing with DuckDB, which takes longer than the job did…');
  const report = await verify({ source: flightsFile(), out, windowing });
  for (const line of describeVerification(report)) say(line);
  return report.equal;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
