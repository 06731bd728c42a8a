/** The words of the checkpoint coordinator: its state, the events it takes and the effects it asks for. */
import type { Ack, Committable, SourcePosition, StateFile } from '../binding.ts';
import type { HeadraceError } from '../errors.ts';
import type { OperatorCounts } from './counts.ts';

/** What a barrier means to the subtasks: `stop` and `final` end the job behind it. */
export type BarrierKind = 'periodic' | 'stop' | 'final';

/** What the coordinator must know of a job before it starts. */
export interface CoordinatorConfig {
  /** Subtasks of the job; each one acknowledges every checkpoint. */
  readonly subtasks: number;
  /** How many of them are sources. */
  readonly sources: number;
  /** Whether manifests are written; without them the last barrier only commits the sinks. */
  readonly durable: boolean;
  /** Time between two periodic checkpoints, start to start; null for none. ms. */
  readonly everyMs: number | null;
  /** How long the subtasks may take to acknowledge; ms. */
  readonly timeoutMs: number;
  /** How many checkpoints in a row may time out, or lack a manifest, before the job fails. */
  readonly failuresMax: number;
  /** How many completed checkpoints stay in the store, at least 1. */
  readonly kept: number;
  /** The uids of file sinks whose result has rows of earlier runs. */
  readonly written: ReadonlySet<string>;
  /** The number of the first checkpoint; after a restore, one more than the restored one. */
  readonly first: number;
}

/** The subtasks' contributions to one checkpoint, in the order of the subtasks. */
export interface CheckpointContent {
  readonly checkpoint: number;
  readonly kind: BarrierKind;
  readonly files: readonly StateFile[];
  readonly committables: readonly Committable[];
  /** Files without rows of sinks that have rows elsewhere: no part of the result. */
  readonly discarded: readonly Committable[];
  readonly positions: readonly SourcePosition[];
  /** What this run had counted at the barrier. */
  readonly counts: readonly OperatorCounts[];
}

export type CoordinatorEvent =
  /** Time has passed; may come at any moment. */
  | { readonly event: 'tick' }
  | Ack
  | {
      readonly event: 'declined';
      readonly checkpoint: number;
      readonly subtask: number;
      readonly error: unknown;
    }
  | { readonly event: 'exhausted'; readonly subtask: number }
  | { readonly event: 'finished'; readonly subtask: number }
  | { readonly event: 'failed'; readonly error: unknown }
  | { readonly event: 'manifestWritten'; readonly sequence: number }
  | { readonly event: 'committed' }
  | { readonly event: 'marked' }
  | { readonly event: 'storeFailed'; readonly effect: StoreEffect['effect']; readonly error: unknown }
  | { readonly event: 'stopRequested'; readonly drain: boolean }
  | { readonly event: 'cancelRequested' };

/** Effects on the store and the sinks' files; each is answered by one event. */
export type StoreEffect =
  /** Answered by `manifestWritten`. */
  | { readonly effect: 'writeManifest'; readonly content: CheckpointContent }
  /** Answered by `committed`. */
  | {
      readonly effect: 'commit';
      readonly committables: readonly Committable[];
      readonly discarded: readonly Committable[];
    }
  /** Answered by `marked`. */
  | { readonly effect: 'mark'; readonly sequence: number }
  /** Removes what lies below manifest `keep`; only its failure is answered. */
  | { readonly effect: 'retire'; readonly keep: number };

export type CoordinatorEffect =
  | StoreEffect
  | { readonly effect: 'trigger'; readonly checkpoint: number; readonly kind: BarrierKind }
  /** Stops the subtasks without a checkpoint. */
  | { readonly effect: 'cancel' }
  /** The job has ended well; nothing follows. */
  | { readonly effect: 'resolve'; readonly outcome: Outcome }
  /** The job has ended badly; nothing follows. */
  | { readonly effect: 'fail'; readonly error: HeadraceError };

/** How a job ends well: all input read (or drained), or stopped with a checkpoint to go on from. */
export type Outcome = 'finished' | 'stopped';

/** The way of a checkpoint; `abandoned` is one that failed and was tolerated, while late answers are awaited. */
export type Stage = 'acking' | 'writing' | 'committing' | 'marking' | 'abandoned';

/** The checkpoint under way. */
export interface InFlight {
  readonly checkpoint: number;
  readonly kind: BarrierKind;
  readonly stage: Stage;
  readonly startedMs: number;
  /** The answers so far. */
  readonly acks: ReadonlyMap<number, Ack>;
  /** The number of its manifest, once written. */
  readonly sequence: number | null;
}

/** What the coordinator counts; part of the job's metrics. */
export interface CheckpointCounts {
  readonly completed: number;
  readonly failed: number;
  /** Failures to remove old files from the store; harmless but for the space. */
  readonly retireFailures: number;
  /** The newest completed checkpoint, if any: its number, duration, bytes of state, and longest stand-still. */
  readonly last: {
    readonly checkpoint: number;
    readonly durationMs: number;
    readonly bytes: number;
    readonly frozenMicrosMax: number;
  } | null;
}

export interface CoordinatorState {
  readonly config: CoordinatorConfig;
  readonly next: number;
  readonly inFlight: InFlight | null;
  /** Committables of tolerated failed checkpoints: their rows lie before the next barrier, so it commits them. */
  readonly carried: readonly Committable[];
  readonly exhausted: ReadonlySet<number>;
  readonly finished: ReadonlySet<number>;
  readonly stop: { readonly drain: boolean } | null;
  /** When the next periodic checkpoint is due; ms. */
  readonly dueMs: number;
  /** Failed checkpoints since the last completed one. */
  readonly failures: number;
  /** Manifest numbers of the newest completed checkpoints, at most `kept`, oldest first. */
  readonly sequences: readonly number[];
  /** Set once the ending checkpoint is complete. */
  readonly outcome: Outcome | null;
  /** Why the job is going down, when it is. */
  readonly failure: { readonly error: HeadraceError } | null;
  /** Whether `resolve` or `fail` has been asked for. */
  readonly ended: boolean;
  readonly counts: CheckpointCounts;
}
