/**
 * Random requests on the block manager, through the native library, with a pool of "bytes" as a runner has one. The oracle
 * knows nothing of blocks' holders or hashes: what a position's key and value depend on is the salt and all tokens up to it,
 * so that is what lies in its slot, and what a row reads must be its own past.
 */
import { expect, test } from 'vitest';
import { draw } from '../../test/seeds.ts';
import { BlockManager, type Reservation, saltOf } from './block-manager.ts';

const OPERATIONS = 400;

interface Sequence {
  readonly salt: string;
  readonly limit: number;
  tokens: number[];
  computed: number;
}

/** The past of a position: what its key and value are a function of. */
const past = ({ salt, tokens }: Sequence, at: number): string => `${salt}:${tokens.slice(0, at + 1)}`;

/** SplitMix32. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x9e3779b9) | 0;
    let word = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return ((word ^ (word >>> 15)) >>> 0) % limit;
  };
}

class Case {
  readonly below: (limit: number) => number;
  readonly manager: BlockManager;
  readonly blocks: number;
  readonly size: number;
  readonly open = new Map<number, Sequence>();
  /** By slot: what was written there. */
  readonly bytes: (string | undefined)[] = [];
  /** The pasts of the last positions of all full blocks that were ever committed. */
  readonly committed = new Set<string>();
  readonly seen = { hits: 0, short: 0, failed: 0, leaders: 0 };

  constructor(seed: number) {
    this.below = random(seed);
    this.blocks = 2 + this.below(40);
    this.size = 1 + this.below(4);
    this.manager = new BlockManager({ blocks: this.blocks, blockTokens: this.size, sequences: 8 });
  }

  run(): void {
    for (let operation = 0; operation < OPERATIONS; operation++) {
      const choice = this.below(10);
      if (choice < 3 || this.open.size === 0) this.arrive();
      else if (choice < 7) this.compute();
      else if (choice < 8) this.choose();
      else if (choice < 9) this.manager.release(this.forgetting(this.some(2)));
      else this.finish(this.some(1));
      this.account();
    }
    this.finish([...this.open.keys()]);
    const { used, cached } = this.account();
    expect(used).toBe(0);
    expect(this.manager.resetPrefixCache()).toBe(cached);
    expect(this.account()).toMatchObject({ free: this.blocks - 1, cached: 0, sequences: 0 });
  }

  some(most: number): number[] {
    const numbers = [...this.open.keys()];
    const wanted = 1 + this.below(most);
    while (numbers.length > wanted) numbers.splice(this.below(numbers.length), 1);
    return numbers;
  }

  arrive(): void {
    const tokens = [...(this.open.values().next().value?.tokens ?? [])].slice(0, this.below(12));
    while (tokens.length === 0 || this.below(4) > 0) tokens.push(this.below(3));
    const limit = tokens.length + this.below(8);
    const salt = ['a', 'b'][this.below(2)] as string;
    const opened = () => this.manager.open(Uint32Array.from(tokens), limit, saltOf(salt));
    if (limit > (this.blocks - 1) * this.size || this.open.size === 8) {
      expect(opened).toThrow(expect.objectContaining({ code: 'HR_KV_CAPACITY' }));
    } else {
      this.open.set(opened(), { salt, limit, tokens, computed: 0 });
    }
  }

  /** One more choice of a request. */
  choose(): void {
    const [number = 0] = this.some(1);
    const parent = this.sequence(number);
    const keep = Math.max(parent.computed, 1);
    if (this.open.size === 8 || keep === parent.limit) return;
    const token = this.below(3);
    const fork = this.manager.fork(number, keep, Uint32Array.of(token));
    this.open.set(fork, { ...parent, tokens: [...parent.tokens.slice(0, keep), token] });
  }

  finish(numbers: number[]): void {
    this.manager.close(Uint32Array.from(numbers));
    for (const number of numbers) this.open.delete(number);
    if (numbers.length > 0) {
      expect(() => this.manager.close(Uint32Array.from(numbers))).toThrow(/there is no open sequence/);
    }
  }

  /** A run: prompts and single tokens, which the model may fail to compute. */
  compute(): void {
    const asked = this.some(4).filter(
      (number) => this.sequence(number).computed < this.sequence(number).limit,
    );
    const numbers = Uint32Array.from(asked);
    const counts = numbers.map((number) => {
      const { tokens, computed } = this.sequence(number);
      return Math.max(1, this.below(tokens.length - computed + 1));
    });
    if (numbers.length === 0) return;
    const probe = this.manager.probe(numbers);
    const { free } = this.manager;
    expect(this.manager.counters().free).toBe(free);
    const reserved = this.manager.reserve(numbers, counts);
    if (reserved.kind === 'short') {
      this.seen.short++;
      expect(this.manager.free).toBe(free);
      return;
    }
    for (const [row, number] of numbers.entries()) {
      this.checkRow(reserved, row, number, counts[row] ?? 0, probe.cached[row] ?? 0);
      if (probe.leaders[row] !== 0) this.checkFollower(number, probe.cached[row] ?? 0);
    }
    for (let at = 0; at < reserved.copies.length; at += 2) this.copy(reserved.copies.subarray(at, at + 2));
    this.read(reserved, numbers);
    if (this.below(4) > 0) this.keep(reserved, numbers);
    else this.lose(reserved);
  }

  /** The scheduler relies on it: who waits for another's block needs a token behind it. */
  checkFollower(number: number, cached: number): void {
    this.seen.leaders++;
    const behindNext = (Math.floor(cached / this.size) + 1) * this.size;
    expect(behindNext).toBeLessThan(this.sequence(number).tokens.length);
  }

  checkRow(run: Reservation, row: number, number: number, asked: number, cached: number): void {
    const sequence = this.sequence(number);
    const [start = -1, count = -1] = [run.starts[row], run.counts[row]];
    expect(start).toBe(cached);
    const found = start > sequence.computed;
    this.seen.hits += Number(found);
    expect(count).toBe(found ? Math.min(asked, sequence.tokens.length - start) : asked);
    // All but the last token at most; and whatever was committed, as long as nothing was evicted.
    if (found) expect(start).toBeLessThan(sequence.tokens.length);
    if (this.manager.counters().evictions === 0 && start % this.size === 0) {
      const next = start + this.size;
      if (next < sequence.tokens.length) expect(this.committed).not.toContain(past(sequence, next - 1));
    }
  }

  copy([from = 0, to = 0]: Int32Array): void {
    for (let at = 0; at < this.size; at++)
      this.bytes[to * this.size + at] = this.bytes[from * this.size + at];
  }

  /** What the model reads of each row's past is that row's past. */
  read(run: Reservation, numbers: Uint32Array): void {
    for (const [row, number] of numbers.entries()) {
      const table = run.tables.subarray(row * run.width, (row + 1) * run.width);
      const slot = (at: number) => (table[Math.floor(at / this.size)] ?? 0) * this.size + (at % this.size);
      const start = run.starts[row] ?? 0;
      const sequence = this.sequence(number);
      for (let at = 0; at < start; at++) {
        // Without `expect`, which would take nearly all of the time.
        if (this.bytes[slot(at)] !== past(sequence, at)) {
          throw new Error(`position ${at} reads ${this.bytes[slot(at)]} instead of ${past(sequence, at)}`);
        }
      }
    }
  }

  /** Rows keep what they computed and sample a token, or keep nothing. */
  keep(run: Reservation, numbers: Uint32Array): void {
    const tokens: number[] = [];
    const [kept, appended] = [new Uint32Array(numbers.length), new Uint32Array(numbers.length)];
    let slot = 0;
    for (const [row, number] of numbers.entries()) {
      const sequence = this.sequence(number);
      const [start = 0, count = 0] = [run.starts[row], run.counts[row]];
      const slots = run.slots.subarray(slot, slot + count);
      slot += count;
      sequence.computed = start;
      if (this.below(6) === 0) {
        this.seen.failed++;
        continue;
      }
      // A row beyond the known tokens is a draft; it was right.
      while (sequence.tokens.length < start + count) this.sample(sequence, tokens, appended, row);
      if (start + count === sequence.tokens.length && sequence.tokens.length < sequence.limit) {
        this.sample(sequence, tokens, appended, row);
      }
      for (const [at, place] of slots.entries()) this.bytes[place] = past(sequence, start + at);
      kept[row] = count;
      sequence.computed = start + count;
      for (let at = start; at < sequence.computed; at++) {
        if ((at + 1) % this.size === 0) this.committed.add(past(sequence, at));
      }
    }
    this.manager.commit(run.run, kept, appended, Uint32Array.from(tokens));
    expect(() => this.manager.rollBack(run.run, false)).toThrow(/is not open/);
  }

  sample(sequence: Sequence, tokens: number[], appended: Uint32Array, row: number): void {
    const token = this.below(3);
    sequence.tokens.push(token);
    tokens.push(token);
    appended[row] = (appended[row] ?? 0) + 1;
  }

  /** The run fails, before or after it has written anything. */
  lose(run: Reservation): void {
    const written = this.below(2) === 0;
    if (written) for (const slot of run.slots) this.bytes[slot] = 'garbage';
    this.manager.rollBack(run.run, written);
  }

  forgetting(numbers: number[]): Uint32Array {
    for (const number of numbers) this.sequence(number).computed = 0;
    return Uint32Array.from(numbers);
  }

  sequence(number: number): Sequence {
    const sequence = this.open.get(number);
    if (sequence === undefined) throw new Error(`the test knows no sequence ${number}`);
    return sequence;
  }

  account() {
    const counters = this.manager.counters();
    expect(counters.free + counters.used + 1).toBe(this.blocks);
    expect(counters.cached).toBeLessThanOrEqual(counters.free);
    expect(counters.sequences).toBe(this.open.size);
    expect(counters.queries).toBe(counters.hits + counters.misses);
    return counters;
  }
}

test('a row reads its own past, whatever is shared, evicted, forked, preempted or rolled back', () => {
  const { seed, runs, replay } = draw(40);
  const seen = { hits: 0, short: 0, failed: 0, leaders: 0, evictions: 0, copies: 0, duplicates: 0 };
  for (let at = 0; at < runs; at++) {
    const tried = new Case(seed + at);
    try {
      tried.run();
    } catch (cause) {
      throw new Error(`${cause}\nReplay with: ${replay} (case ${at})`, { cause });
    }
    const happened: Partial<typeof seen> = {
      ...tried.seen,
      ...tried.manager.counters(),
      hits: tried.seen.hits,
    };
    for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += happened[name] ?? 0;
  }
  for (const [name, times] of Object.entries(seen)) expect(times, name).toBeGreaterThan(runs / 2);
});
