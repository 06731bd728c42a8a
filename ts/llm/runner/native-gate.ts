/**
 * Keeps a thread from being ended inside of onnxruntime-node: its native code throws when it cannot go on, where nobody
 * catches, and that aborts the whole process. Whoever ends the thread shuts the gate first and waits until nobody is inside;
 * the end of the process does so too.
 */

/** How long the end of the process waits for a run. */
const EXIT_WAIT_MS = 10_000;

const SHUT = 0;
const INSIDE = 1;

export class NativeGate {
  /** What both threads see: whether it is shut, and how many are inside. */
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** A new gate, or the same one in another thread, from its memory. */
  constructor(memory = new SharedArrayBuffer(8)) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** Does something that must not be cut off. Once the gate is shut, it neither begins nor returns: the thread is being ended. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    Atomics.add(this.#words, INSIDE, 1);
    if (Atomics.load(this.#words, SHUT) === 1) {
      this.#leave();
      return new Promise(() => {});
    }
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** Shuts it; resolves when nobody is inside. */
  async shut(): Promise<void> {
    Atomics.store(this.#words, SHUT, 1);
    for (let inside = this.#inside(); inside > 0; inside = this.#inside())
      await Atomics.waitAsync(this.#words, INSIDE, inside).value;
  }

  /** Shuts it, and holds up this thread until nobody is inside, or for `ms` milliseconds. */
  shutNow(ms: number): void {
    Atomics.store(this.#words, SHUT, 1);
    const until = performance.now() + ms;
    for (let inside = this.#inside(); inside > 0 && performance.now() < until; inside = this.#inside())
      Atomics.wait(this.#words, INSIDE, inside, until - performance.now());
  }

  #inside(): number {
    return Atomics.load(this.#words, INSIDE);
  }

  #leave(): void {
    Atomics.sub(this.#words, INSIDE, 1);
    Atomics.notify(this.#words, INSIDE);
  }
}

const open = new Set<NativeGate>();

function shutAll(): void {
  for (const gate of open) gate.shutNow(EXIT_WAIT_MS);
}

/** Shuts this gate when the process ends before `forget` is called. */
export function shutAtExit(gate: NativeGate): { forget(): void } {
  if (open.size === 0) process.on('exit', shutAll);
  open.add(gate);
  return {
    forget() {
      if (open.delete(gate) && open.size === 0) process.off('exit', shutAll);
    },
  };
}
