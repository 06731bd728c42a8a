/**
 * The executor of host calls: takes what the engine asks of JavaScript, runs it, and answers.
 *
 * It serves a job and the test driver alike. How many calls are open at once is bounded by the engine: for each subtask
 * `inFlight` and three that lie ready for a function, two for a sink, and one for a source.
 */
import { ArenaPool } from '../arrow/arena-pool.ts';
import { layoutLength, pack } from '../arrow/array-data.ts';
import { Batch } from '../arrow/batch.ts';
import { describe, ShapeError } from '../arrow/shape-error.ts';
import type { Chunk } from '../arrow/to-arrays.ts';
import type { BindingCall, CallPort, Layout } from '../binding.ts';
import { type ErrorPlace, HeadraceError, isHeadraceError } from '../errors.ts';
import type { Field, Plan } from '../plan/generated.ts';
import type { Host, HostMap, HostSink, HostSource } from './hosts.ts';
import { callMap, isPromise, type Mapped, RowFailure } from './map-call.ts';
import { PullSource } from './pull-source.ts';

/** What the executor needs to know. */
export interface ExecutorConfig {
  readonly plan: Plan;
  readonly hosts: readonly Host[];
  /** Rows that a source of single rows gathers into a batch. */
  readonly batchRows: number;
}

/** Calls taken in one go, so that timers and I/O of the user get their turn. */
const CALLS_PER_PUMP_MAX = 64;

/** The calls of one subtask to a function that answers with promises. */
interface Lane {
  running: number;
  readonly waiting: BindingCall[];
}

/** Runs host calls. */
export class HostExecutor {
  readonly #port: CallPort;
  readonly #config: ExecutorConfig;
  readonly #pool = new ArenaPool();
  /** For the columns of each host, where the batch that is being read lies in its arena. */
  readonly #layouts = new Map<readonly Field[], Layout>();
  readonly #sources = new Map<number, PullSource>();
  /** For each busy consumer the end of its last batch: a consumer sees one batch at a time. */
  readonly #queues = new Map<HostSink, Promise<void>>();
  readonly #lanes = new Map<number, Lane>();
  readonly #open = new Set<Promise<void>>();
  /** Of functions that have not answered; they would keep the process alive after the job. */
  readonly #timers = new Set<NodeJS.Timeout>();
  #answers = 0;
  #closed = false;
  #failure: HeadraceError | undefined;

  constructor(port: CallPort, config: ExecutorConfig) {
    this.#port = port;
    this.#config = config;
  }

  /** The first failure of user code, with its cause, which the engine's own report cannot carry. */
  get failure(): HeadraceError | undefined {
    return this.#failure;
  }

  /** Tells consumers that a run begins. */
  start(): void {
    for (const host of this.#config.hosts) if (host.kind === 'sink') host.consumer.start?.();
  }

  /** Takes open calls and runs them; true when there may be more. Functions without a promise are done on return. */
  pump(): boolean {
    for (let taken = 0; taken < CALLS_PER_PUMP_MAX; taken++) {
      const call = this.#closed ? null : this.#port.takeCall();
      if (call === null) return false;
      this.#run(call);
    }
    return true;
  }

  /** Calls answered so far, failures included. */
  get answers(): number {
    return this.#answers;
  }

  /** Calls that wait for user code. */
  get open(): number {
    return this.#open.size;
  }

  /** Resolves when no call is open any more. */
  async settle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  /** Answers no more calls, and lets iterables go. */
  close(): void {
    this.#closed = true;
    for (const source of this.#sources.values()) source.close();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Tells consumers that the run has ended; `error` when it failed. Rejects with what a consumer throws. */
  async finish(error: unknown): Promise<void> {
    for (const host of this.#config.hosts) {
      if (host.kind !== 'sink') continue;
      if (error === undefined) await host.consumer.finish?.();
      else host.consumer.fail?.(error);
    }
  }

  #run(call: BindingCall): void {
    let running: void | Promise<void>;
    try {
      running = this.#dispatch(call, this.#hostOf(call));
    } catch (error) {
      this.#fail(call, error);
      return;
    }
    if (running === undefined) return;
    const done = running
      .catch((error: unknown) => this.#fail(call, error))
      .finally(() => this.#open.delete(done));
    this.#open.add(done);
  }

  #hostOf(call: BindingCall): Host {
    const host = this.#config.hosts[call.host];
    if (host === undefined) throw new HeadraceError('HR_INTERNAL', `The engine asked for host ${call.host}.`);
    return host;
  }

  #dispatch(call: BindingCall, host: Host): void | Promise<void> {
    switch (host.kind) {
      case 'map':
        return this.#map(call, host);
      case 'sink':
        return this.#consume(call, host);
      case 'source':
        return this.#pull(call, host);
    }
  }

  #map(call: BindingCall, host: HostMap): void | Promise<void> {
    // A function that has thrown is not called again, though the engine has not heard of it yet.
    if (this.#failure !== undefined) return;
    const lane = this.#laneOf(call.subtask);
    if (lane.running >= host.inFlight) {
      lane.waiting.push(call);
      return;
    }
    const arena = this.#pool.take(call.bytes);
    const answer = callMap(host, this.#read(call, host.input, arena));
    const complete = (mapped: Mapped): void => {
      this.#complete(call, mapped.chunk, mapped.parents);
      // Given back only here: after a failure or timeout the function may still look at it.
      this.#pool.give(arena);
    };
    if (!isPromise(answer)) return complete(answer);
    lane.running += 1;
    // After a failure nothing follows: the lane stays taken.
    return this.#inTime(answer, call, host).then((mapped) => {
      complete(mapped);
      lane.running -= 1;
      const next = lane.waiting.shift();
      if (next !== undefined) this.#run(next);
    });
  }

  #read(call: BindingCall, fields: readonly Field[], arena: Uint8Array): Batch {
    let layout = this.#layouts.get(fields);
    if (layout === undefined) {
      layout = new Float64Array(layoutLength(fields));
      this.#layouts.set(fields, layout);
    }
    this.#port.readCall(call.id, arena, layout);
    return Batch.view(fields, call.rows, layout, arena);
  }

  #laneOf(subtask: number): Lane {
    let lane = this.#lanes.get(subtask);
    if (lane === undefined) {
      lane = { running: 0, waiting: [] };
      this.#lanes.set(subtask, lane);
    }
    return lane;
  }

  #consume(call: BindingCall, host: HostSink): void | Promise<void> {
    // The consumer may keep the batch, so it gets memory of its own.
    const arena = new Uint8Array(call.bytes);
    const batch = this.#read(call, host.schema, arena);
    const before = this.#queues.get(host);
    const consumed =
      before === undefined ? host.consumer.consume(batch) : before.then(() => host.consumer.consume(batch));
    const complete = () => this.#complete(call, null, null);
    if (!isPromise(consumed)) return complete();
    const done = Promise.resolve(consumed);
    const queued = done
      .catch(() => {})
      .then(() => {
        if (this.#queues.get(host) === queued) this.#queues.delete(host);
      });
    this.#queues.set(host, queued);
    return done.then(complete);
  }

  async #pull(call: BindingCall, host: HostSource): Promise<void> {
    let source = this.#sources.get(call.host);
    if (source === undefined) {
      source = new PullSource(host, this.#config.batchRows);
      this.#sources.set(call.host, source);
    }
    this.#complete(call, await source.next(), null);
  }

  #complete(call: BindingCall, chunk: Chunk | null, parents: Uint32Array | null): void {
    if (this.#closed) return;
    this.#answers += 1;
    if (chunk === null) {
      this.#port.completeCall(call.id, null, null, null);
      return;
    }
    const { layout, buffers } = pack(chunk.columns);
    this.#port.completeCall(call.id, layout, buffers, parents);
  }

  #fail(call: BindingCall, cause: unknown): void {
    if (this.#closed) return;
    this.#answers += 1;
    const row = cause instanceof RowFailure ? cause.row : undefined;
    const error = this.#wrap(call, cause instanceof RowFailure ? cause.cause : cause);
    this.#failure ??= error;
    this.#port.failCall(call.id, JSON.stringify({ ...error.toJSON(), row }));
  }

  #wrap(call: BindingCall, cause: unknown): HeadraceError {
    const place = placeOf(this.#config.plan, call.host);
    if (isHeadraceError(cause)) {
      const { code, summary, hint } = cause;
      return cause.place === undefined ? new HeadraceError(code, summary, { hint, place, cause }) : cause;
    }
    if (cause instanceof ShapeError) {
      return new HeadraceError('HR_USER_FUNCTION_SHAPE', `The rows returned do not fit: ${cause.message}.`, {
        place,
      });
    }
    const text = textOf(cause);
    const what = { map: 'function', sink: 'consumer', pull: 'iterable' }[call.kind];
    return new HeadraceError('HR_USER_FUNCTION_FAILED', `The ${what} threw: ${text}`, { place, cause });
  }

  /** The answer, or a rejection if it takes longer than it may. */
  #inTime<T>(answer: Promise<T>, call: BindingCall, host: HostMap): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#timeout(call, host)), host.timeoutMs);
      this.#timers.add(timer);
      const settled = (): void => {
        clearTimeout(timer);
        this.#timers.delete(timer);
      };
      answer.then(resolve, reject).finally(settled);
    });
  }

  #timeout(call: BindingCall, host: HostMap): HeadraceError {
    const text = `The function did not answer within ${host.timeoutMs} ms.`;
    const hint =
      'Is there a promise that never settles? A slow function is given more time with { timeout }.';
    return new HeadraceError('HR_USER_FUNCTION_TIMEOUT', text, {
      place: placeOf(this.#config.plan, call.host),
      hint,
    });
  }
}

/** What user code threw, as text; it may be anything, also something that cannot be converted to text. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return describe(thrown);
  }
}

/** The operator that a host belongs to. */
function placeOf(plan: Plan, host: number): ErrorPlace {
  const node = plan.nodes.find(({ op }) => 'host' in op && op.host === host);
  if (node === undefined) return {};
  return { uid: node.uid, operator: node.name, ...(node.at === null ? {} : { at: node.at }) };
}
