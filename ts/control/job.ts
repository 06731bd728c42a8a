/**
 * A running job: the engine, the coordinator that drives it, and the host calls it makes.
 *
 * Decisions are the coordinator's (`coordinator.ts`); this file carries them out and feeds back what came of them.
 */
import type { BindingJob, BindingStore, JobEvent, Native } from '../binding.ts';
import { fromNative, HeadraceError } from '../errors.ts';
import type { JobOptions, Plan } from '../plan/generated.ts';
import { initialState, step, wakeAtMs } from './coordinator.ts';
import type {
  CheckpointContent,
  CoordinatorConfig,
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorState,
  Outcome,
  StoreEffect,
} from './coordinator-state.ts';
import { type OperatorCounts, sumCounts } from './counts.ts';
import type { HostExecutor } from './host.ts';
import { extend, type Lineage } from './lineage.ts';
import { type CheckpointManifest, fingerprint, MANIFEST_VERSION } from './manifest.ts';
import { type JobMetrics, type NativeMetrics, summarise } from './metrics.ts';
import type { Restored } from './recovery.ts';
import type { RunEvent } from './run-options.ts';

/** How a job ended. */
export interface JobResult {
  /** `finished`: all input was read and all results are out. `stopped`: it can be resumed from its last checkpoint. */
  readonly outcome: Outcome;
  readonly metrics: JobMetrics;
  /** From start to end; ms. */
  readonly durationMs: number;
}

/** A job under way. */
export interface Job {
  /** What it went on from. */
  readonly restored: Restored;
  /** Resolves when the job has ended and everything is committed; rejects with a `HeadraceError` when it failed. */
  readonly done: Promise<JobResult>;
  /**
   * Ends the job with a checkpoint, from which it can be resumed. With `drain` the rows read so far are followed by the
   * end of time: all windows fire, the results are complete for them, and the next run starts over.
   */
  stop(options?: { readonly drain?: boolean }): Promise<void>;
  /** Ends the job without a checkpoint; `done` rejects with `HR_CANCELLED`. Resolves when it has ended. */
  cancel(): Promise<void>;
  /** Counters and gauges as of now; after the end, the last ones. */
  metrics(): JobMetrics;
  /** Cancels the job unless it has ended, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a running job is made of. */
export interface JobParts {
  readonly native: Pick<Native, 'commit' | 'discard'>;
  readonly binding: BindingJob;
  readonly executor: HostExecutor;
  /** Null for a job without checkpoints. */
  readonly store: BindingStore | null;
  readonly restored: Restored;
  readonly manifest: CheckpointManifest | null;
  readonly coordinator: CoordinatorConfig;
  readonly plan: Plan;
  readonly options: JobOptions;
  /** The id of this run. */
  readonly run: string;
  readonly now: () => number;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Called once the job has ended, before `done` settles. */
  readonly onEnd?: () => void;
}

// Node's timers reach no further than 2^31 - 1 ms; the job just looks up once in between.
const TIMER_MS_MAX = 2 ** 30;

/** The job behind {@link Job}. */
export class RunningJob implements Job {
  readonly done: Promise<JobResult>;
  readonly #parts: JobParts;
  readonly #startedMs: number;
  readonly #resolve: (result: JobResult) => void;
  readonly #reject: (error: HeadraceError) => void;
  #state: CoordinatorState;
  #lineage: Lineage;
  /** What earlier runs had counted at the checkpoint that this one went on from. */
  readonly #before: readonly OperatorCounts[];
  /** Store effects, one after the other. */
  #work: Promise<void> = Promise.resolve();
  /** Also what keeps the process alive while the job runs. */
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs: number | undefined;
  #drainQueued = false;
  #closed = false;
  #lastMetrics: NativeMetrics | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(parts: JobParts) {
    this.#parts = parts;
    this.#startedMs = parts.now();
    this.#state = initialState(parts.coordinator, this.#startedMs);
    this.#lineage = parts.manifest?.lineage ?? [];
    this.#before = parts.manifest?.counts ?? [];
    let settle: [(result: JobResult) => void, (error: HeadraceError) => void] = [() => {}, () => {}];
    this.done = new Promise((resolve, reject) => {
      settle = [resolve, reject];
    });
    [this.#resolve, this.#reject] = settle;
    this.#arm();
  }

  get restored(): Restored {
    return this.#parts.restored;
  }

  async stop(options: { readonly drain?: boolean } = {}): Promise<void> {
    this.#dispatch({ event: 'stopRequested', drain: options.drain ?? false });
    await this.done;
  }

  async cancel(): Promise<void> {
    this.#dispatch({ event: 'cancelRequested' });
    // Whoever cancels knows; only those who wait for `done` are told.
    await this.done.catch(() => {});
  }

  /** Cancels because a signal said so. */
  abort(reason: unknown): void {
    this.#aborted = { reason };
    void this.cancel();
  }

  metrics(): JobMetrics {
    const raw = this.#lastMetrics ?? (JSON.parse(this.#parts.binding.metrics()) as NativeMetrics);
    return summarise(raw, this.#before, this.#state.counts, this.#parts.plan);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel();
  }

  /** The engine has events or calls; may be called at any time, also after the end. */
  wake(): void {
    if (this.#drainQueued || this.#state.ended) return;
    this.#drainQueued = true;
    // Not at once: several wake-ups in a row are one look, and user code gets its turn in between.
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#drainQueued = false;
    if (this.#state.ended) return;
    for (const event of JSON.parse(this.#parts.binding.takeEvents()) as JobEvent[]) this.#dispatch(event);
    if (!this.#state.ended && this.#parts.executor.pump()) this.wake();
  }

  #dispatch(event: CoordinatorEvent): void {
    const { counts } = this.#state;
    const { state, effects } = step(this.#state, event, this.#parts.now());
    this.#state = state;
    this.#report(counts);
    for (const effect of effects) this.#execute(effect);
    this.#arm();
  }

  #report(before: CoordinatorState['counts']): void {
    const { counts, failures, next } = this.#state;
    const { onEvent } = this.#parts;
    if (counts.completed > before.completed && counts.last !== null) {
      const { checkpoint, durationMs, bytes } = counts.last;
      onEvent?.({ event: 'checkpoint', checkpoint, durationMs, bytes });
    }
    if (counts.failed > before.failed)
      onEvent?.({ event: 'checkpointFailed', checkpoint: next - 1, failures });
  }

  #execute(effect: CoordinatorEffect): void {
    switch (effect.effect) {
      case 'trigger':
        this.#parts.binding.trigger(effect.checkpoint, effect.kind);
        return;
      case 'cancel':
        this.#parts.binding.cancel();
        return;
      case 'resolve':
        void this.#end(effect.outcome);
        return;
      case 'fail':
        void this.#end(this.#withCause(effect.error));
        return;
      default:
        this.#work = this.#work.then(() => this.#store(effect));
    }
  }

  async #store(effect: StoreEffect): Promise<void> {
    try {
      const answer = await this.#perform(effect);
      if (answer !== null) this.#dispatch(answer);
    } catch (error) {
      this.#dispatch({ event: 'storeFailed', effect: effect.effect, error: fromNative(error) });
    }
  }

  async #perform(effect: StoreEffect): Promise<CoordinatorEvent | null> {
    const { native, store } = this.#parts;
    switch (effect.effect) {
      case 'commit':
        await native.commit(JSON.stringify(effect.committables));
        if (effect.discarded.length > 0) await native.discard(JSON.stringify(effect.discarded));
        return { event: 'committed' };
      case 'writeManifest':
        return {
          event: 'manifestWritten',
          sequence: (await store?.put(this.#manifest(effect.content))) ?? 0,
        };
      case 'mark':
        await store?.mark(effect.sequence);
        return { event: 'marked' };
      case 'retire':
        await store?.retire(effect.keep);
        return null;
    }
  }

  #manifest({ checkpoint, kind, files, committables, positions, counts }: CheckpointContent): string {
    const { plan, run, options } = this.#parts;
    this.#lineage = extend(this.#lineage, run, checkpoint);
    const manifest: CheckpointManifest = {
      kind: 'checkpoint',
      version: MANIFEST_VERSION,
      checkpoint,
      final: kind === 'final',
      stop: kind === 'stop',
      fingerprint: fingerprint(plan),
      run,
      parallelism: options.parallelism,
      files,
      committables,
      positions,
      counts: sumCounts([...this.#before, ...counts]),
      lineage: this.#lineage,
      plan,
      options,
    };
    return JSON.stringify(manifest);
  }

  /** The error with what only this side knows: what user code threw, why a signal aborted. */
  #withCause(error: HeadraceError): HeadraceError {
    const { failure } = this.#parts.executor;
    if (failure !== undefined && failure.code === error.code) {
      const { code, summary, hint, cause } = failure;
      return new HeadraceError(code, summary, { hint, cause, place: { ...failure.place, ...error.place } });
    }
    if (error.code !== 'HR_CANCELLED' || this.#aborted === undefined) return error;
    return new HeadraceError('HR_CANCELLED', error.summary, { cause: this.#aborted.reason });
  }

  async #end(outcome: Outcome | HeadraceError): Promise<void> {
    const failure = await this.#windDown(outcome).catch((error: unknown) => fromNative(error));
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#parts.onEnd?.();
    if (typeof outcome !== 'string') this.#reject(outcome);
    else if (failure !== undefined) this.#reject(failure);
    else this.#resolve({ outcome, metrics: this.metrics(), durationMs: this.#parts.now() - this.#startedMs });
  }

  /** Waits until threads, store and consumers are done, and lets the checkpoint folder go. */
  async #windDown(outcome: Outcome | HeadraceError): Promise<undefined> {
    const { binding, executor, store } = this.#parts;
    executor.close();
    try {
      if (typeof outcome !== 'string') binding.cancel();
      await this.#work;
      await binding.join();
      this.#lastMetrics = JSON.parse(binding.metrics()) as NativeMetrics;
      await executor.finish(typeof outcome === 'string' ? undefined : outcome);
    } finally {
      store?.close();
    }
  }

  /** Sets the one timer for when the coordinator wants to be told the time. */
  #arm(): void {
    if (this.#closed) return;
    const nowMs = this.#parts.now();
    const atMs = Math.min(wakeAtMs(this.#state) ?? Number.POSITIVE_INFINITY, nowMs + TIMER_MS_MAX);
    if (this.#timerAtMs !== undefined && this.#timerAtMs <= atMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => this.#tick(), Math.max(atMs - nowMs, 0));
  }

  #tick(): void {
    this.#timerAtMs = undefined;
    this.#dispatch({ event: 'tick' });
  }
}
