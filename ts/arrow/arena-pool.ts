/** Arenas that are used again, so that a call per batch does not allocate megabytes per batch. */

/** How many idle arenas are kept. */
const IDLE_MAX = 8;
/** Arenas above this size are not kept. */
const BYTES_MAX = 64 << 20;
const BYTES_MIN = 64 << 10;

/** A pool of arenas; at most `IDLE_MAX` of at most `BYTES_MAX` bytes each stay when idle. */
export class ArenaPool {
  readonly #idle: Uint8Array[] = [];

  /** An arena of at least `bytes`; its content is what its last user left. */
  take(bytes: number): Uint8Array {
    const index = this.#idle.findIndex((arena) => arena.length >= bytes);
    const [arena] = index < 0 ? [] : this.#idle.splice(index, 1);
    // Powers of two, so that batches of about the same size find each other's arenas.
    return arena ?? new Uint8Array(Math.max(BYTES_MIN, 2 ** Math.ceil(Math.log2(Math.max(bytes, 1)))));
  }

  /** Gives an arena back; nobody may look at it any more. */
  give(arena: Uint8Array): void {
    if (arena.length > BYTES_MAX) return;
    // The newest are the largest in a job whose batches grow, so the oldest makes room.
    if (this.#idle.length === IDLE_MAX) this.#idle.shift();
    this.#idle.push(arena);
  }
}
