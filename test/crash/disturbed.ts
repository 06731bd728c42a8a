/** A flights job over a prefix of the data in processes of their own, to be killed and compared. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accountsOf, type RowAccount, unexplained } from '../../examples/flights/account.ts';
import { type Checksums, checksums } from '../../examples/flights/checksum.ts';
import { HOUR, MINUTE } from '../../examples/flights/dataset.ts';
import { type EngineExit, messageOf, spawnEngine } from '../../examples/flights/engine.ts';
import type { JobSettings } from '../../examples/flights/job.ts';
import { writePrefix } from '../flights/prefix.ts';

/** The rows of the job. */
export const ROWS = 60_000;

/** A folder with the data and the result of an undisturbed run. */
export interface Scene extends AsyncDisposable {
  readonly folder: string;
  readonly settings: JobSettings;
  readonly undisturbed: Checksums;
  readonly accounts: readonly RowAccount[];
}

/** Prepares the data and runs the job once in peace. */
export async function prepare(): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), 'headrace-crash-'));
  const settings: JobSettings = {
    source: await writePrefix(folder, ROWS),
    out: path.join(folder, 'undisturbed'),
    windowing: { key: 'origin', size: HOUR, slide: 10n * MINUTE, lag: HOUR, lateness: 0n },
    parallelism: 2,
    batchRows: 1000,
    rate: null,
    checkpointMs: 50,
    fresh: false,
  };
  const exit = await finish(settings);
  return {
    folder,
    settings,
    accounts: accountsAt(exit),
    undisturbed: await checksums(settings.out),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Runs the job to its end. */
export async function finish(settings: JobSettings): Promise<EngineExit> {
  const exit = await spawnEngine(settings).exit;
  const done = messageOf(exit, 'done');
  if (exit.code !== 0 || done?.outcome !== 'finished')
    throw new Error(`The engine did not finish: ${JSON.stringify(exit)}`);
  return exit;
}

/** The accounts with which an engine finished; they add up, and cover all rows of the job. */
export function accountsAt(exit: EngineExit): RowAccount[] {
  const done = messageOf(exit, 'done');
  const accounts = done === undefined ? [] : accountsOf(done.metrics);
  const whole = accounts.filter((account) => account.read === ROWS && unexplained(account) === 0);
  if (whole.length !== 2) throw new Error(`The account does not add up: ${JSON.stringify(accounts)}`);
  return accounts;
}

/** How a process ends at a crash point, and by kill −9: neither lets it do anything more. */
const SUDDEN: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGKILL'];

/** Runs the job until it crashes at `point`, and requires that it did, unfinished. */
export async function crashAt(point: string, settings: JobSettings): Promise<EngineExit> {
  const exit = await spawnEngine(settings, () => {}, { HEADRACE_CRASH_POINT: point }).exit;
  const counts = SUDDEN.includes(exit.signal) && messageOf(exit, 'done') === undefined;
  if (!counts) throw new Error(`The engine did not crash at ${point}: ${JSON.stringify(exit)}`);
  return exit;
}
