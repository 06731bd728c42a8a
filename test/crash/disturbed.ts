/** A flights job over a prefix of the data in processes of their own, to be killed and compared. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Checksums, checksums } from '../../examples/flights/checksum.ts';
import { HOUR, MINUTE } from '../../examples/flights/dataset.ts';
import { type EngineExit, type EngineMessage, spawnEngine } from '../../examples/flights/engine.ts';
import type { JobSettings } from '../../examples/flights/job.ts';
import { writePrefix } from '../flights/prefix.ts';

/** The rows of the job. */
export const ROWS = 60_000;

/** A folder with the data and the result of an undisturbed run. */
export interface Scene extends AsyncDisposable {
  readonly folder: string;
  readonly settings: JobSettings;
  readonly undisturbed: Checksums;
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
  await finish(settings);
  return {
    folder,
    settings,
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

/** How a process ends at a crash point, and by kill −9: neither lets it do anything more. */
const SUDDEN: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGKILL'];

/** Runs the job until it crashes at `point`, and requires that it did, unfinished. */
export async function crashAt(point: string, settings: JobSettings): Promise<EngineExit> {
  const exit = await spawnEngine(settings, () => {}, { HEADRACE_CRASH_POINT: point }).exit;
  const counts = SUDDEN.includes(exit.signal) && messageOf(exit, 'done') === undefined;
  if (!counts) throw new Error(`The engine did not crash at ${point}: ${JSON.stringify(exit)}`);
  return exit;
}

/** The first message of a kind. */
export function messageOf<E extends EngineMessage['event']>(
  { messages }: EngineExit,
  event: E,
): Extract<EngineMessage, { event: E }> | undefined {
  return messages.find((message): message is Extract<EngineMessage, { event: E }> => message.event === event);
}
