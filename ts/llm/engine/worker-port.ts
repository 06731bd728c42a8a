/** A worker thread that answers calls and says things in between. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { HeadraceError, isHeadraceError } from '../../errors.ts';
import { NativeGate, shutAtExit } from '../runner/native-gate.ts';
import type { ErrorData } from './engine-output.ts';

/** What a worker can be asked, by name. */
export type Methods = { readonly [name: string]: (...args: never[]) => unknown };

type ToWorker =
  | { readonly call: number; readonly method: string; readonly args: unknown[] }
  | { readonly say: unknown };
type FromWorker =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: ErrorData }
  | { readonly say: unknown };

/** What a worker is started with. */
interface StartData {
  readonly data: unknown;
  readonly gate: SharedArrayBuffer;
}

/** The space for what a worker has just made, in MiB. */
const YOUNG_MB = 16;

/** The number of the call that `ready` answers. */
const READY = 0;

/** The caller's end. */
export class WorkerPort<M extends Methods, ToSay, Said> {
  readonly #worker: Worker;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #gate = new NativeGate();
  readonly #atExit = shutAtExit(this.#gate);
  #last = READY;
  #ended: HeadraceError | undefined;
  /** The number of the thread in this process, also when it has ended. */
  readonly thread: number;
  /** What the worker has to say when it is ready, or why it is not. */
  readonly ready: Promise<unknown>;

  /**
   * Starts `script` (a path without its ending, beside this file) with this data. `onSaid` is told what the worker says, and
   * `onEnd` once that it has ended, whatever the reason.
   */
  constructor(
    script: string,
    data: unknown,
    { onSaid, onEnd }: { onSaid: (said: Said) => void; onEnd: (why: HeadraceError) => void },
  ) {
    // The checkout runs TypeScript, the package what was made of it.
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`${script}.${ending}`, import.meta.url), {
      workerData: { data, gate: this.#gate.memory } satisfies StartData,
      // What dies young is collected soon, instead of making the process larger.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.thread = this.#worker.threadId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.ready = promise;
    promise.catch(() => {
      // Who waits for it is told; nobody may be waiting any more.
    });
    this.#calls.set(READY, { promise, resolve, reject });
    this.#worker.on('message', (message: FromWorker) => {
      if ('say' in message) onSaid(message.say as Said);
      else this.#settle(message);
    });
    const end = (why: string, cause?: unknown) => {
      if (this.#ended !== undefined) return;
      this.#atExit.forget();
      this.#ended = new HeadraceError('HR_ENGINE_CLOSED', `The thread of ${script} has ended: ${why}.`, {
        cause,
      });
      for (const { reject } of this.#calls.values()) reject(this.#ended);
      this.#calls.clear();
      onEnd(this.#ended);
    };
    this.#worker.on('error', (error) => end(error instanceof Error ? error.message : String(error), error));
    this.#worker.on('exit', (code) => end(code === 0 ? 'it was closed' : `it exited with code ${code}`));
  }

  /** Asks the worker; rejects with its error, or `HR_ENGINE_CLOSED`. */
  call<N extends keyof M & string>(method: N, ...args: Parameters<M[N]>): Promise<Awaited<ReturnType<M[N]>>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const call = ++this.#last;
    const pending = Promise.withResolvers<unknown>();
    this.#calls.set(call, pending);
    this.#post({ call, method, args });
    return pending.promise as Promise<Awaited<ReturnType<M[N]>>>;
  }

  /** Tells the worker something. */
  say(what: ToSay): void {
    this.#post({ say: what });
  }

  /** Whether the thread keeps the process alive. */
  keepAlive(yes: boolean): void {
    if (yes) this.#worker.ref();
    else this.#worker.unref();
  }

  /** Ends the thread, as soon as no native call of it runs. */
  async terminate(): Promise<void> {
    this.#worker.ref();
    await this.#gate.shut();
    await this.#worker.terminate();
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #settle(message: Exclude<FromWorker, { say: unknown }>): void {
    const pending = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if ('error' in message) pending?.reject(errorOf(message.error));
    else pending?.resolve(message.value);
  }
}

/** The worker's end: answers calls with these methods once `start` has made them; native calls pass through `gate`. */
export async function serveCalls<M extends Methods, Data, ToSay>(
  start: (
    data: Data,
    gate: NativeGate,
  ) => Promise<{ readonly ready: unknown; readonly methods: M; readonly onSaid?: (said: ToSay) => void }>,
): Promise<void> {
  const port = parentPort;
  if (port === null) throw new HeadraceError('HR_INTERNAL', 'This file is the code of a worker thread.');
  const settle = async (call: number, work: () => unknown) => {
    try {
      port.postMessage({ call, value: await work() });
    } catch (error) {
      port.postMessage({ call, error: dataOf(error) });
    }
  };
  let started: Awaited<ReturnType<typeof start>> | undefined;
  await settle(READY, async () => {
    const { data, gate } = workerData as StartData;
    started = await start(data as Data, new NativeGate(gate));
    return started.ready;
  });
  if (started === undefined) return;
  const { methods, onSaid } = started;
  port.on('message', (message: ToWorker) => {
    if ('say' in message) onSaid?.(message.say as ToSay);
    else
      void settle(message.call, () =>
        (methods[message.method] as (...args: unknown[]) => unknown)(...message.args),
      );
  });
}

/** Says something to the caller's end, from the worker. */
export function sayToCaller(what: unknown): void {
  parentPort?.postMessage({ say: what });
}

/** An error as it crosses between threads. */
export function dataOf(error: unknown): ErrorData {
  if (isHeadraceError(error)) return error.toJSON();
  return {
    code: 'HR_INTERNAL',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

/** The error that has crossed. */
export function errorOf({ code, message, hint }: ErrorData): HeadraceError {
  return new HeadraceError(code, message, { hint });
}
