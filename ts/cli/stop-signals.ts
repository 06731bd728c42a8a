/** SIGTERM and SIGINT for a program that takes its time to stop. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** In this time a second signal is the first once more: npm hands on the Ctrl-C that the terminal sends to all its programs. */
const REPEATED_MS = 500;

export class StopSignals implements Disposable {
  readonly #first = new AbortController();
  readonly #second: (() => void) | undefined;
  #heardMs = 0;

  /** The first signal is noted. The next ones call `second`, or end the process at once, as they do where nobody listens. */
  constructor(second?: () => void) {
    this.#second = second;
    for (const name of SIGNALS) process.on(name, this.#heard);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#first.signal;
  }

  /** Waits for the first signal. */
  async heard(): Promise<void> {
    if (this.signal.aborted) return;
    await new Promise((resolve) => this.signal.addEventListener('abort', resolve, { once: true }));
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#heard);
  }

  readonly #heard = (name: NodeJS.Signals): void => {
    if (!this.signal.aborted) {
      this.#heardMs = performance.now();
      this.#first.abort();
      return;
    }
    if (performance.now() - this.#heardMs < REPEATED_MS) return;
    if (this.#second !== undefined) {
      this.#second();
      return;
    }
    this[Symbol.dispose]();
    process.kill(process.pid, name);
  };
}
