/** Starting a job: checks, recovery, the engine, then the job runs by itself. */
import { randomBytes } from 'node:crypto';
import type { Output } from '../api/output.ts';
import { BatchOutput } from '../api/sink.ts';
import { pack } from '../arrow/array-data.ts';
import { concatChunks } from '../arrow/concat.ts';
import { shapeError, toChunks } from '../arrow/to-arrays.ts';
import { type BindingJob, native as library, type Native } from '../binding.ts';
import { fromNative, HeadraceError } from '../errors.ts';
import type { CompiledPlan } from '../plan/compiled.ts';
import { checkReplayable } from '../plan/delivery.ts';
import type { Node, Plan } from '../plan/generated.ts';
import { lower } from '../plan/lower.ts';
import type { Lowered } from '../plan/lowered.ts';
import type { CoordinatorConfig } from './coordinator-state.ts';
import { HostExecutor } from './host.ts';
import type { HostTable } from './hosts.ts';
import { type Job, RunningJob } from './job.ts';
import type { CheckpointManifest } from './manifest.ts';
import { NOTHING_RESTORED, type OpenCheckpoints, openCheckpoints, withdrawNewer } from './recovery.ts';
import { type CheckedOptions, checkOptions, type RunOptions } from './run-options.ts';

/**
 * Starts a job that ends in `outputs`, and resolves once it runs; see {@link Job} for its end.
 *
 * With `checkpoint` it goes on from where the last run of the same pipeline in that folder stopped or died. A Parquet
 * sink's folder holds the result of one job: at the start, files of an earlier one that this run does not go on from are
 * removed, foreign files stay.
 *
 * Rejects with `HR_OPTION_INVALID`, errors of the plan, `HR_NOT_REPLAYABLE` for a source that cannot be read again
 * together with checkpoints, and those of opening the checkpoint folder: `HR_LOCKED`, `HR_CHECKPOINT_MISMATCH`,
 * `HR_CHECKPOINT_VERSION`, `HR_CHECKPOINT_DAMAGED`.
 */
export async function run(outputs: Output | readonly Output[], options: RunOptions = {}): Promise<Job> {
  const job = await start(lower(outputs), options, library);
  for (const output of [outputs].flat()) {
    // A loop over batches that is left early ends the job; how the job ended is told by `done`.
    if (output instanceof BatchOutput) output.onLeave(() => void job.stop().catch(() => {}));
  }
  return job;
}

/** Starts a lowered pipeline on a native library. */
export async function start(lowered: Lowered, options: RunOptions, native: Native): Promise<Job> {
  const checked = checkOptions(options);
  refuseAborted(options.signal);
  if (checked.checkpoint !== null) checkReplayable(lowered.plan);
  let checkpoints: OpenCheckpoints | null = null;
  try {
    const compiled = JSON.parse(
      native.compile(JSON.stringify(lowered.plan), JSON.stringify(checked.job)),
    ) as CompiledPlan;
    const run = newRunId();
    checkpoints = await takeOver(native, lowered.plan, checked, run);
    return launch({ lowered, compiled, options, checked, native, checkpoints, run });
  } catch (error) {
    checkpoints?.store.close();
    throw fromNative(error);
  }
}

/** Opens the checkpoint folder, if there is one, and clears the sinks' folders of what is not gone on from. */
async function takeOver(
  native: Native,
  plan: Plan,
  { checkpoint }: CheckedOptions,
  run: string,
): Promise<OpenCheckpoints | null> {
  if (checkpoint !== null) return openCheckpoints(native, checkpoint.folder, checkpoint.fresh, plan, run);
  await withdrawNewer(native, plan, []);
  return null;
}

interface Launch {
  readonly lowered: Lowered;
  readonly compiled: CompiledPlan;
  readonly options: RunOptions;
  readonly checked: CheckedOptions;
  readonly native: Native;
  readonly checkpoints: OpenCheckpoints | null;
  readonly run: string;
}

function launch({ lowered, compiled, options, checked, native, checkpoints, run }: Launch): Job {
  const { plan } = lowered;
  const restored = checkpoints?.restored ?? NOTHING_RESTORED;
  const running: Running = { job: undefined };
  const folder = checked.checkpoint?.folder ?? null;
  const binding = new native.BindingJob(
    JSON.stringify(plan),
    JSON.stringify(checked.job),
    run,
    folder,
    waker(running),
  );
  for (const [number, table] of lowered.tables.entries()) addTable(binding, number, table, plan);
  const executor = new HostExecutor(binding, {
    plan,
    hosts: lowered.bind(compiled),
    batchRows: checked.job.batchRows,
  });
  const manifest = checkpoints?.manifest ?? null;
  begin(binding, executor, manifest);
  const abort = () => job.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', abort, { once: true });
  const job = new RunningJob({
    native,
    binding,
    executor,
    store: checkpoints?.store ?? null,
    restored,
    manifest,
    coordinator: coordinatorConfig(compiled, checked, manifest),
    plan,
    options: checked.job,
    run,
    now: () => performance.now(),
    onEvent: options.onEvent,
    onEnd: () => {
      options.signal?.removeEventListener('abort', abort);
      running.job = undefined;
    },
  });
  running.job = job;
  options.onEvent?.({ event: 'started', restored });
  // The engine may have called before there was anybody to wake.
  job.wake();
  return job;
}

/** The job, as long as it runs. */
interface Running {
  job: RunningJob | undefined;
}

/**
 * What the engine calls when it has something to say. It holds this until it is collected itself, so this must not hold
 * the job, which holds the engine; neither may its scope, which is why it is made out here.
 */
function waker(running: Running): () => void {
  return () => running.job?.wake();
}

/** Starts consumers and subtasks; consumers are told when the subtasks could not be started. */
function begin(binding: BindingJob, executor: HostExecutor, manifest: CheckpointManifest | null): void {
  executor.start();
  try {
    binding.start(manifest === null ? null : JSON.stringify(manifest));
  } catch (error) {
    void executor.finish(fromNative(error));
    throw error;
  }
}

function coordinatorConfig(
  compiled: CompiledPlan,
  { checkpoint }: CheckedOptions,
  manifest: CheckpointManifest | null,
): CoordinatorConfig {
  const written = manifest?.counts.filter(({ counters }) => (counters.rowsOut ?? 0) > 0) ?? [];
  return {
    subtasks: compiled.totalSubtasks,
    sources: compiled.sourceSubtasks,
    durable: checkpoint !== null,
    everyMs: checkpoint?.everyMs ?? null,
    timeoutMs: checkpoint?.timeoutMs ?? Number.POSITIVE_INFINITY,
    failuresMax: checkpoint?.failuresMax ?? 0,
    kept: checkpoint?.kept ?? 1,
    written: new Set(written.map(({ uid }) => uid)),
    first: (manifest?.checkpoint ?? 0) + 1,
  };
}

function addTable(binding: BindingJob, number: number, { schema, rows }: HostTable, plan: Plan): void {
  try {
    const { columns } = concatChunks(schema, toChunks(schema, rows));
    const { layout, buffers } = pack(columns);
    binding.addTable(number, JSON.stringify(schema), layout, buffers);
  } catch (error) {
    const failure = fromNative(
      shapeError(error, 'HR_TYPE_MISMATCH', 'Rows in memory do not fit their schema'),
    );
    const node = plan.nodes.find(({ op }) => op.op === 'tableSource' && op.table === number);
    throw node === undefined || failure.place !== undefined ? failure : placedAt(node, failure);
  }
}

function placedAt({ uid, name, at }: Node, { code, summary, hint, cause }: HeadraceError): HeadraceError {
  const place = { uid, operator: name, ...(at === null ? {} : { at }) };
  return new HeadraceError(code, summary, { hint, place, cause });
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new HeadraceError('HR_CANCELLED', 'The job was cancelled.', { cause: signal.reason });
}

/** Unique over all runs that ever wrote to the same folders; without a dash, see `lineage.ts`. */
function newRunId(): string {
  return randomBytes(6).toString('hex');
}
