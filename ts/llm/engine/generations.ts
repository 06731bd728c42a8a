/** The requests that are open on the caller's side of an engine, from when they are asked for until they end. */
import { HeadraceError } from '../../errors.ts';
import type { EngineOptions } from './engine-options.ts';
import type { EngineOutput } from './engine-output.ts';
import type { FromEngine } from './engine-worker.ts';
import { Generation } from './generation.ts';
import { errorOf } from './worker-port.ts';

export class Generations {
  onBusy: (busy: boolean) => void = () => {};
  readonly #open = new Map<number, Generation>();
  /** By request: what takes it off its signal. */
  readonly #aborts = new Map<number, () => void>();
  readonly #onEvent: EngineOptions['onEvent'];
  #last = 0;
  #calls = 0;
  #closed: HeadraceError | undefined;
  readonly #end = Promise.withResolvers<HeadraceError>();
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(onEvent: EngineOptions['onEvent']) {
    this.#onEvent = onEvent;
  }

  get ended(): Promise<HeadraceError> {
    return this.#end.promise;
  }

  has(id: number): boolean {
    return this.#open.has(id);
  }

  open(
    signal: AbortSignal | undefined,
    cancel: (id: number) => void,
  ): { id: number; generation: Generation } {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#drained !== undefined)
      throw new HeadraceError('HR_ENGINE_CLOSED', 'The engine drains, and takes no more requests.');
    const id = ++this.#last;
    const abort = () => generation.cancel();
    const generation = new Generation(() => {
      cancel(id);
      this.#close(id);
    });
    this.#open.set(id, generation);
    this.#aborts.set(id, () => signal?.removeEventListener('abort', abort));
    this.#tellBusy();
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    return { id, generation };
  }

  take({ outputs, events }: FromEngine): void {
    try {
      if (this.#onEvent !== undefined) for (const event of events) this.#onEvent(event);
    } finally {
      // What a listener throws is its own affair.
      for (const output of outputs) this.#one(output);
    }
  }

  fail(id: number, error: HeadraceError): void {
    this.#open.get(id)?.finish(error);
    this.#close(id);
  }

  close(why: HeadraceError): void {
    this.#closed ??= why;
    this.#end.resolve(this.#closed);
    for (const id of [...this.#open.keys()]) this.fail(id, this.#closed);
  }

  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers<void>();
    if (this.#open.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  async busyWhile<T>(work: () => Promise<T>): Promise<T> {
    this.#calls++;
    this.#tellBusy();
    try {
      return await work();
    } finally {
      this.#calls--;
      this.#tellBusy();
    }
  }

  #one(output: EngineOutput): void {
    if (output.kind === 'failed') {
      this.fail(output.request, errorOf(output.error));
      return;
    }
    const generation = this.#open.get(output.request);
    generation?.push(output.tokens, output.usage);
    if (!output.last) return;
    generation?.finish();
    this.#close(output.request);
  }

  #close(id: number): void {
    if (!this.#open.delete(id)) return;
    this.#aborts.get(id)?.();
    this.#aborts.delete(id);
    if (this.#open.size === 0) this.#drained?.resolve();
    this.#tellBusy();
  }

  #tellBusy(): void {
    this.onBusy(this.#open.size > 0 || this.#calls > 0);
  }
}
