/**
 * The checkpoint coordinator: a pure reducer from an event to the next state and the effects that it calls for.
 *
 * The protocol is asynchronous barrier snapshotting with a two-phase commit of the sinks: trigger → every subtask
 * acknowledges → manifest durable → sinks commit → marker. At most one checkpoint is under way, from its trigger to
 * its marker. Time comes in as an argument, so every interleaving can be replayed in a test.
 * (Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015.)
 */
import type { Ack, Committable } from '../binding.ts';
import { fromNative, HeadraceError } from '../errors.ts';
import type {
  CheckpointContent,
  CoordinatorConfig,
  CoordinatorEffect,
  CoordinatorEvent,
  CoordinatorState,
  InFlight,
} from './coordinator-state.ts';
import { countsOf, sumCounts, totalOf } from './counts.ts';

/** The state after an event and what is to be done about it, in this order. */
export interface Step {
  readonly state: CoordinatorState;
  readonly effects: readonly CoordinatorEffect[];
}

/** The state of a job that is about to start at `nowMs`. */
export function initialState(config: CoordinatorConfig, nowMs: number): CoordinatorState {
  return {
    config,
    next: config.first,
    inFlight: null,
    carried: [],
    exhausted: new Set(),
    finished: new Set(),
    stop: null,
    dueMs: nowMs + (config.everyMs ?? 0),
    failures: 0,
    sequences: [],
    outcome: null,
    failure: null,
    ended: false,
    counts: { completed: 0, failed: 0, retireFailures: 0, last: null },
  };
}

/** Takes one event at `nowMs`. Events that no longer matter, such as answers to a checkpoint long gone, change nothing. */
export function step(state: CoordinatorState, event: CoordinatorEvent, nowMs: number): Step {
  if (state.ended) return { state, effects: [] };
  switch (event.event) {
    case 'tick':
      return onTick(state, nowMs);
    case 'ack':
      return onAck(state, event, nowMs);
    case 'declined':
      return onDeclined(state, event);
    case 'exhausted':
      return advance({ ...state, exhausted: new Set([...state.exhausted, event.subtask]) }, nowMs);
    case 'finished':
      return conclude({ ...state, finished: new Set([...state.finished, event.subtask]) });
    case 'failed':
      return goDown(state, fromNative(event.error), []);
    case 'manifestWritten':
      return onManifestWritten(state, event.sequence, nowMs);
    case 'committed':
      return onCommitted(state, nowMs);
    case 'marked':
      return onCompleted(state, nowMs);
    case 'storeFailed':
      return onStoreFailed(state, event, nowMs);
    case 'stopRequested':
      return advance({ ...state, stop: { drain: event.drain || (state.stop?.drain ?? false) } }, nowMs);
    case 'cancelRequested':
      return goDown(state, new HeadraceError('HR_CANCELLED', 'The job was cancelled.'), [
        { effect: 'cancel' },
      ]);
  }
}

/** When the next `tick` is needed, or null when only other events can move the state; ms. */
export function wakeAtMs(state: CoordinatorState): number | null {
  const { inFlight, config } = state;
  if (state.ended || state.failure !== null) return null;
  if (inFlight === null) return config.everyMs === null || state.outcome !== null ? null : state.dueMs;
  const waits = inFlight.stage === 'acking' || inFlight.stage === 'abandoned';
  return waits ? inFlight.startedMs + config.timeoutMs : null;
}

function onTick(state: CoordinatorState, nowMs: number): Step {
  const { inFlight, config } = state;
  if (state.failure !== null || inFlight === null) return advance(state, nowMs);
  const waits = inFlight.stage === 'acking' || inFlight.stage === 'abandoned';
  if (!waits || nowMs - inFlight.startedMs < config.timeoutMs) return { state, effects: [] };
  const missing = config.subtasks - inFlight.acks.size;
  const error = new HeadraceError(
    'HR_CHECKPOINT_FAILED',
    `Checkpoint ${inFlight.checkpoint} was not acknowledged by ${missing} of ${config.subtasks} subtasks within ${config.timeoutMs} ms.`,
    {
      hint: 'A sink or a JavaScript function may be stuck; a longer checkpoint.timeout allows for slow ones.',
    },
  );
  return onCheckpointFailed(state, { ...inFlight, startedMs: nowMs }, error, nowMs);
}

function onAck(state: CoordinatorState, ack: Ack, nowMs: number): Step {
  const { inFlight } = state;
  if (inFlight === null || inFlight.checkpoint !== ack.checkpoint) return { state, effects: [] };
  if (inFlight.stage !== 'acking' && inFlight.stage !== 'abandoned') return { state, effects: [] };
  const acks = new Map(inFlight.acks).set(ack.subtask, ack);
  return settle({ ...state, inFlight: { ...inFlight, acks } }, nowMs);
}

/**
 * A subtask that could not write its part fails the job, however many failures are tolerated: what its sinks had
 * prepared for this checkpoint may be lost, and only going back to the last checkpoint brings those rows again.
 */
function onDeclined(
  state: CoordinatorState,
  event: { readonly checkpoint: number; readonly subtask: number; readonly error: unknown },
): Step {
  const { inFlight, counts } = state;
  if (inFlight === null || inFlight.checkpoint !== event.checkpoint) return { state, effects: [] };
  const what = `Checkpoint ${event.checkpoint} has failed in subtask ${event.subtask}`;
  const failed = { ...state, inFlight: null, counts: { ...counts, failed: counts.failed + 1 } };
  return goDown(failed, checkpointFailed(what, event.error), [{ effect: 'cancel' }]);
}

/** Moves on when every subtask has answered the checkpoint in flight. */
function settle(state: CoordinatorState, nowMs: number): Step {
  const { inFlight, config } = state;
  if (inFlight === null || inFlight.acks.size < config.subtasks) return { state, effects: [] };
  const content = contentOf(state, inFlight);
  if (inFlight.stage === 'abandoned') {
    // Only now may the next barrier start: committables of a late answer would otherwise belong to no checkpoint.
    return advance({ ...state, inFlight: null, carried: content.committables }, nowMs);
  }
  if (!config.durable) return commit({ ...state, carried: [] }, inFlight, content, nowMs);
  return {
    state: { ...state, inFlight: { ...inFlight, stage: 'writing' } },
    effects: [{ effect: 'writeManifest', content }],
  };
}

/** Gathers the answers in the order of the subtasks, so that the manifest does not depend on who was first. */
function contentOf({ config, carried }: CoordinatorState, inFlight: InFlight): CheckpointContent {
  const acks = [...inFlight.acks.values()].sort((a, b) => a.subtask - b.subtask);
  const counts = sumCounts(acks.flatMap((ack) => ack.operators));
  const hasRows = (uid: string) => config.written.has(uid) || totalOf(countsOf(counts, uid), 'rowsOut') > 0;
  const offered = [...carried, ...acks.flatMap((ack) => ack.committables)];
  // A result without any rows is one empty file, for its columns; beside rows it would only be in the way.
  const isWanted = ({ rows, uid }: Committable) => rows > 0 || !hasRows(uid);
  return {
    checkpoint: inFlight.checkpoint,
    kind: inFlight.kind,
    files: acks.flatMap((ack) => ack.files),
    committables: offered.filter(isWanted),
    discarded: offered.filter((committable) => !isWanted(committable)),
    positions: acks.flatMap((ack) => ack.positions),
    counts,
  };
}

function onManifestWritten(state: CoordinatorState, sequence: number, nowMs: number): Step {
  const { inFlight } = state;
  if (inFlight?.stage !== 'writing') return { state, effects: [] };
  const content = contentOf(state, inFlight);
  return commit({ ...state, carried: [] }, { ...inFlight, sequence }, content, nowMs);
}

function commit(
  state: CoordinatorState,
  inFlight: InFlight,
  { committables, discarded }: CheckpointContent,
  nowMs: number,
): Step {
  const next: CoordinatorState = { ...state, inFlight: { ...inFlight, stage: 'committing' } };
  return committables.length + discarded.length === 0
    ? onCommitted(next, nowMs)
    : { state: next, effects: [{ effect: 'commit', committables, discarded }] };
}

function onCommitted(state: CoordinatorState, nowMs: number): Step {
  const { inFlight } = state;
  if (inFlight?.stage !== 'committing') return { state, effects: [] };
  if (inFlight.sequence === null)
    return onCompleted({ ...state, inFlight: { ...inFlight, stage: 'marking' } }, nowMs);
  return {
    state: { ...state, inFlight: { ...inFlight, stage: 'marking' } },
    effects: [{ effect: 'mark', sequence: inFlight.sequence }],
  };
}

function onCompleted(state: CoordinatorState, nowMs: number): Step {
  const { inFlight, config } = state;
  if (inFlight?.stage !== 'marking') return { state, effects: [] };
  const written = inFlight.sequence === null ? [] : [inFlight.sequence];
  const sequences = [...state.sequences, ...written].slice(-config.kept);
  const completed: CoordinatorState = {
    ...state,
    inFlight: null,
    failures: 0,
    sequences,
    outcome: inFlight.kind === 'final' ? 'finished' : inFlight.kind === 'stop' ? 'stopped' : state.outcome,
    counts: counted(state, inFlight, nowMs),
  };
  const [keep] = sequences;
  const retire: CoordinatorEffect[] =
    keep !== undefined && written.length > 0 && state.failure === null ? [{ effect: 'retire', keep }] : [];
  return after(retire, advance(completed, nowMs));
}

function counted(state: CoordinatorState, inFlight: InFlight, nowMs: number): CoordinatorState['counts'] {
  const acks = [...inFlight.acks.values()];
  const files = acks.flatMap((ack) => ack.files);
  return {
    ...state.counts,
    completed: state.counts.completed + 1,
    last: {
      checkpoint: inFlight.checkpoint,
      durationMs: nowMs - inFlight.startedMs,
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      frozenMicrosMax: acks.reduce((max, ack) => Math.max(max, ack.frozenMicros), 0),
    },
  };
}

function onStoreFailed(
  state: CoordinatorState,
  event: { readonly effect: string; readonly error: unknown },
  nowMs: number,
): Step {
  const fenced = fromNative(event.error).code === 'HR_FENCED';
  if (event.effect === 'retire' && !fenced) {
    const { counts } = state;
    return {
      state: { ...state, counts: { ...counts, retireFailures: counts.retireFailures + 1 } },
      effects: [],
    };
  }
  const { inFlight } = state;
  if (state.failure !== null) return conclude({ ...state, inFlight: null });
  if (event.effect === 'writeManifest' && !fenced && inFlight?.stage === 'writing') {
    const what = `The manifest of checkpoint ${inFlight.checkpoint} could not be written`;
    return onCheckpointFailed(state, inFlight, checkpointFailed(what, event.error), nowMs);
  }
  // A manifest that is durable is committed by whoever starts next; a fenced run must not go on in any case.
  return goDown({ ...state, inFlight: null }, fromNative(event.error), [{ effect: 'cancel' }]);
}

function onCheckpointFailed(
  state: CoordinatorState,
  inFlight: InFlight,
  error: HeadraceError,
  nowMs: number,
): Step {
  const { counts, config } = state;
  const failures = state.failures + 1;
  const failed = { ...state, failures, counts: { ...counts, failed: counts.failed + 1 } };
  if (state.failure !== null) return conclude({ ...failed, inFlight: null });
  // Behind a stop or final barrier the subtasks have ended, so there is nobody left to try again.
  if (failures > config.failuresMax || inFlight.kind !== 'periodic') {
    return goDown({ ...failed, inFlight: null }, error, [{ effect: 'cancel' }]);
  }
  return settle({ ...failed, inFlight: { ...inFlight, stage: 'abandoned' } }, nowMs);
}

/** Starts the next checkpoint, if one is due and none is under way. */
function advance(state: CoordinatorState, nowMs: number): Step {
  if (state.inFlight !== null || state.outcome !== null || state.failure !== null) return conclude(state);
  const { config } = state;
  if (state.exhausted.size >= config.sources) return trigger(state, 'final', nowMs);
  if (state.stop !== null) return trigger(state, state.stop.drain ? 'final' : 'stop', nowMs);
  if (config.everyMs !== null && nowMs >= state.dueMs) return trigger(state, 'periodic', nowMs);
  return { state, effects: [] };
}

function trigger(state: CoordinatorState, kind: InFlight['kind'], nowMs: number): Step {
  const checkpoint = state.next;
  const inFlight: InFlight = {
    checkpoint,
    kind,
    stage: 'acking',
    startedMs: nowMs,
    acks: new Map(),
    sequence: null,
  };
  const dueMs = nowMs + (state.config.everyMs ?? 0);
  return {
    state: { ...state, next: checkpoint + 1, dueMs, inFlight },
    effects: [{ effect: 'trigger', checkpoint, kind }],
  };
}

/** Takes the job down; a checkpoint that may already be durable is still committed, any other is dropped. */
function goDown(state: CoordinatorState, error: HeadraceError, effects: readonly CoordinatorEffect[]): Step {
  if (state.failure !== null) return { state, effects: [] };
  const { inFlight } = state;
  const dropped = inFlight === null || inFlight.stage === 'acking' || inFlight.stage === 'abandoned';
  return after(effects, conclude({ ...state, failure: { error }, inFlight: dropped ? null : inFlight }));
}

/** Ends the job once nothing is under way. */
function conclude(state: CoordinatorState): Step {
  if (state.inFlight !== null) return { state, effects: [] };
  if (state.failure !== null) {
    return { state: { ...state, ended: true }, effects: [{ effect: 'fail', error: state.failure.error }] };
  }
  if (state.outcome === null || state.finished.size < state.config.subtasks) return { state, effects: [] };
  return { state: { ...state, ended: true }, effects: [{ effect: 'resolve', outcome: state.outcome }] };
}

function checkpointFailed(what: string, error: unknown): HeadraceError {
  const cause = fromNative(error);
  return new HeadraceError('HR_CHECKPOINT_FAILED', `${what}: ${cause.summary}`, {
    hint: `${cause.hint ?? 'Remove the cause and run again.'} The job goes on from its last completed checkpoint.`,
    place: cause.place,
    cause,
  });
}

function after(effects: readonly CoordinatorEffect[], rest: Step): Step {
  return effects.length === 0 ? rest : { state: rest.state, effects: [...effects, ...rest.effects] };
}
