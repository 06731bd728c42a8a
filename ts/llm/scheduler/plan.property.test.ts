/**
 * Plans for random states, and random requests that are carried out by a naive engine: blocks with counts of their holders, no
 * prefix cache. It shares no code with the block manager.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runCost } from './cost.ts';
import { plan } from './plan.ts';
import { POLICIES, type PolicyName, victim } from './policy.ts';
import type { Policy, SchedulerLimits, SchedulerState, SequenceView } from './step-plan.ts';

const COST = runCost({ run: 10, token: 1.5, pair: 0.0004, read: 0.008 });
const policies = fc.constantFrom<PolicyName>('fcfs', 'priority');

const limits: fc.Arbitrary<SchedulerLimits> = fc
  .record({
    maxNumSeqs: fc.integer({ min: 1, max: 8 }),
    more: fc.nat(60),
    blockTokens: fc.integer({ min: 1, max: 8 }),
    watermark: fc.nat(3),
    maxChunkTokens: fc.integer({ min: 1, max: 100 }),
    maxRunCells: fc.integer({ min: 1, max: 4_000 }),
  })
  .map(({ more, ...rest }) => ({ ...rest, maxNumBatchedTokens: rest.maxNumSeqs + more }));

/**
 * A state and its limits: sequences that fit the limits, but whose numbers need not have come about in any run.
 *
 * Each view is one that the block manager can give rise to. It says of a sequence that it waits for another only if the
 * block that it needs next is full with tokens that are known, and one more is known behind it: the last token of a prompt is
 * never found, so nobody waits for it. That leaves two tokens to compute at the least, with blocks or without. And it finds
 * blocks for a sequence that holds some only where those are full.
 */
const states = fc
  .record({
    limits,
    free: fc.nat(30),
    drawn: fc.array(
      fc.record({
        kind: fc.constantFrom('waiting', 'preempted', 'prefilling', 'decoding'),
        priority: fc.integer({ min: -1, max: 1 }),
        tokens: fc.integer({ min: 1, max: 60 }),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        finds: fc.double({ min: 0, max: 1, noNaN: true }),
        idle: fc.nat(4),
        leader: fc.nat(12),
        choices: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 12 },
    ),
  })
  .map(({ limits, free, drawn }) => {
    const { blockTokens, maxNumSeqs } = limits;
    const waiting: SequenceView[] = [];
    const started: SequenceView[] = [];
    for (const [at, { kind, priority, tokens, part, finds, idle, leader, ...rest }] of drawn.entries()) {
      const choices = kind === 'decoding' ? 1 : Math.min(rest.choices, maxNumSeqs);
      const known = kind === 'decoding' || kind === 'prefilling' ? tokens + 1 : tokens;
      const own =
        kind === 'decoding' ? tokens : kind === 'prefilling' ? Math.max(1, Math.floor(part * tokens)) : 0;
      const held = Math.ceil(own / blockTokens);
      const findable = own === held * blockTokens ? Math.floor((known - 1) / blockTokens) - held : 0;
      const found = Math.floor(finds * findable);
      const computed = own + found * blockTokens;
      const behindNext = (Math.floor(computed / blockTokens) + 1) * blockTokens;
      const view = {
        ...{ sequence: 100 + at, arrival: at, priority, known, computed, held, choices },
        idle: Math.min(idle, found),
        leader: behindNext >= known || leader >= at ? 0 : 100 + leader,
      };
      const seats = started.reduce((sum, one) => sum + one.choices, 0);
      if (kind === 'waiting') waiting.push(view);
      else if (seats + choices <= maxNumSeqs) started.push(view);
    }
    return { limits, state: { waiting, started, free } satisfies SchedulerState };
  });

test('a plan keeps to the limits and to the order of precedence', () => {
  fc.assert(
    fc.property(states, policies, ({ limits, state }, name) => {
      const policy = POLICIES[name];
      const { runs } = plan(state, limits, COST, policy);
      const views = new Map([...state.waiting, ...state.started].map((view) => [view.sequence, view]));
      const rows = runs.flat().map((row) => ({ ...row, view: views.get(row.sequence) as SequenceView }));
      const planned = new Set(rows.map(({ sequence }) => sequence));
      expect(planned.size).toBe(rows.length);
      expect(runs.every((run) => run.length > 0)).toBe(true);
      for (const { count, view } of rows) {
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(Math.min(view.known - view.computed, limits.maxChunkTokens));
      }
      expect(sum(rows.map(({ count }) => count))).toBeLessThanOrEqual(limits.maxNumBatchedTokens);
      const fresh = rows.filter(({ view }) => state.waiting.includes(view));
      const starts = sum([...state.started, ...fresh.map(({ view }) => view)].map(({ choices }) => choices));
      expect(starts).toBeLessThanOrEqual(limits.maxNumSeqs);
      for (const run of runs) {
        const width = Math.max(...run.map(({ count }) => count));
        const start = Math.max(...run.map(({ sequence }) => views.get(sequence)?.computed as number));
        const context = Math.ceil((start + width) / limits.blockTokens) * limits.blockTokens;
        if (run.length > 1) expect(run.length * width * context).toBeLessThanOrEqual(limits.maxRunCells);
      }
      // All that generate are there.
      const decoding = state.started.filter(
        ({ held, known, computed }) => held > 0 && known - computed === 1,
      );
      for (const { sequence } of decoding) expect(planned).toContain(sequence);
      // Who waits for a leader, or finds no blocks, goes on only if otherwise nobody did.
      const holders = state.started.filter(({ held }) => held > 0);
      const exempt = rows.length === 1;
      if (!exempt) {
        expect(rows.filter(({ view }) => view.leader !== 0)).toEqual([]);
        const grown = rows.filter(({ view }) => view.held > 0);
        const others = rows.filter(({ view }) => view.held === 0);
        const missing = sum(grown.map(({ view, count }) => blocks(view, count, limits))) - state.free;
        if (rows.length > decoding.length) expect(missing).toBeLessThanOrEqual(0);
        const whole = sum(
          [...holders, ...others.map(({ view }) => view)].map((view) =>
            blocks(view, view.known - view.computed, limits),
          ),
        );
        const spare = holders.length > 0 || others.length > 1 ? limits.watermark : 0;
        if (others.length > 0) expect(whole + spare).toBeLessThanOrEqual(state.free);
      }
      // Among those that have never run, nobody who does not wait for a leader is overtaken.
      const last = fresh
        .map(({ view }) => view)
        .sort(policy)
        .at(-1);
      const overtaken = state.waiting.filter(
        (view) => last !== undefined && policy(view, last) < 0 && view.leader === 0,
      );
      for (const { sequence } of overtaken) expect(planned).toContain(sequence);
      if (views.size > 0) expect(rows.length).toBeGreaterThan(0);
    }),
    { numRuns: 2_000 },
  );
});

test('a plan depends on its arguments alone, and not on the order in which sequences are listed', () => {
  const shuffled = states.chain(({ limits, state }) =>
    fc.record({
      limits: fc.constant(limits),
      state: fc.constant(state),
      waiting: fc.shuffledSubarray([...state.waiting], { minLength: state.waiting.length }),
      started: fc.shuffledSubarray([...state.started], { minLength: state.started.length }),
    }),
  );
  fc.assert(
    fc.property(shuffled, policies, ({ limits, state, waiting, started }, name) => {
      const before = JSON.stringify(state);
      const planned = plan(state, limits, COST, POLICIES[name]);
      expect(plan(state, limits, COST, POLICIES[name])).toEqual(planned);
      expect(plan({ ...state, waiting, started }, limits, COST, POLICIES[name])).toEqual(planned);
      expect(JSON.stringify(state)).toBe(before);
    }),
    { numRuns: 500 },
  );
});

interface Wish {
  readonly prompt: number;
  readonly output: number;
  readonly choices: number;
  readonly priority: number;
  readonly step: number;
}

test('whatever is asked for ends', () => {
  const wishes = fc.array(
    fc.record({
      prompt: fc.integer({ min: 1, max: 40 }),
      output: fc.integer({ min: 1, max: 12 }),
      choices: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: -1, max: 1 }),
      step: fc.nat(30),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(wishes, limits, policies, fc.nat(12), (wishes, limits, name, spare) => {
      const most = Math.max(
        ...wishes.map(({ prompt, output }) => Math.ceil((prompt + output) / limits.blockTokens)),
      );
      const engine = new NaiveEngine(limits, POLICIES[name], most + spare);
      const tokens = sum(wishes.map(({ prompt, output, choices }) => prompt + output * choices));
      // Each step computes a token at least, of which preemption may undo many, but never those of the first.
      for (let step = 0; step < 50 * tokens + 31; step++) {
        for (const wish of wishes) if (wish.step === step) engine.arrive(wish);
        engine.step();
        if (step > 30 && engine.open === 0) return;
      }
      throw new Error(`${engine.open} sequences have not ended`);
    }),
    { numRuns: 500 },
  );
});

interface Sequence {
  readonly sequence: number;
  readonly arrival: number;
  readonly priority: number;
  readonly limit: number;
  known: number;
  computed: number;
  choices: number;
  started: boolean;
  /** Blocks, as how many hold each. */
  table: { holders: number }[];
}

/** Carries plans out as the engine does: newcomers give way when blocks are missing, and then somebody is preempted. */
class NaiveEngine {
  readonly limits: SchedulerLimits;
  readonly policy: Policy;
  readonly blocks: number;
  readonly sequences = new Map<number, Sequence>();
  arrivals = 0;
  numbers = 0;

  constructor(limits: SchedulerLimits, policy: Policy, blocks: number) {
    this.limits = limits;
    this.policy = policy;
    this.blocks = blocks;
  }

  get open(): number {
    return this.sequences.size;
  }

  get free(): number {
    return this.blocks - new Set([...this.sequences.values()].flatMap(({ table }) => table)).size;
  }

  arrive({ prompt, output, choices, priority }: Wish): void {
    this.add({
      ...{ arrival: ++this.arrivals, priority, limit: prompt + output, known: prompt, computed: 0 },
      ...{ choices: Math.min(choices, this.limits.maxNumSeqs), started: false, table: [] },
    });
  }

  add(sequence: Omit<Sequence, 'sequence'>): void {
    const number = ++this.numbers;
    this.sequences.set(number, { ...sequence, sequence: number });
  }

  step(): void {
    const views = [...this.sequences.values()].map(({ table, limit: _, started, ...view }) => ({
      ...{ ...view, held: table.length, idle: 0, leader: 0, started },
    }));
    const started = views.filter((view) => view.started);
    const state = { waiting: views.filter((view) => !view.started), started, free: this.free };
    const preempted = new Set<Sequence>();
    for (const run of plan(state, this.limits, COST, this.policy).runs) {
      let rows = run
        .map(({ sequence, count }) => ({ one: this.sequences.get(sequence) as Sequence, count }))
        .filter(({ one }) => !preempted.has(one));
      while (rows.length > 0 && !this.reserve(rows)) {
        const newcomer = rows.findLastIndex(({ one }) => one.table.length === 0);
        if (newcomer >= 0) rows = rows.toSpliced(newcomer, 1);
        else {
          const holders = [...this.sequences.values()].map(({ table, ...view }) => ({
            ...view,
            held: table.length,
            idle: 0,
            leader: 0,
          }));
          const gone = this.sequences.get(victim(holders, this.policy) ?? 0);
          if (gone === undefined) throw new Error('a sequence alone does not fit');
          this.release(gone);
          preempted.add(gone);
          rows = rows.filter(({ one }) => one !== gone);
        }
      }
      for (const { one, count } of rows) this.compute(one, count);
    }
    const running = [...this.sequences.values()].filter((one) => one.started);
    expect(sum(running.map(({ choices }) => choices))).toBeLessThanOrEqual(this.limits.maxNumSeqs);
  }

  /** Gives the rows their blocks, if there are enough. */
  reserve(rows: readonly { one: Sequence; count: number }[]): boolean {
    const { blockTokens, watermark } = this.limits;
    const others = [...this.sequences.values()].some(({ table }) => table.length > 0);
    const admits = rows.some(({ one }) => one.table.length === 0);
    const before = rows.map(({ one }) => one.table);
    const fresh = () => ({ holders: 1 });
    for (const { one, count } of rows) {
      const table = [...one.table];
      const last = table.at(-1);
      if (one.computed % blockTokens !== 0 && last !== undefined && last.holders > 1) {
        table[table.length - 1] = fresh();
      }
      while (table.length * blockTokens < one.computed + count) table.push(fresh());
      one.table = table;
    }
    const enough = this.free >= (admits && others ? watermark : 0);
    for (const [row, { one }] of rows.entries()) {
      const old = before[row] as Sequence['table'];
      if (!enough) one.table = old;
      else for (const block of old) if (!one.table.includes(block)) block.holders--;
    }
    return enough;
  }

  compute(one: Sequence, count: number): void {
    one.started = true;
    one.computed += count;
    if (one.computed < one.known) return;
    one.known++;
    const choices = one.choices;
    one.choices = 1;
    for (let choice = 1; choice < choices; choice++) {
      for (const block of one.table) block.holders++;
      this.add({ ...one, table: [...one.table] });
    }
    const answers = [...this.sequences.values()].filter(({ arrival }) => arrival === one.arrival);
    for (const answer of answers) if (answer.known === answer.limit) this.end(answer);
  }

  release(one: Sequence): void {
    for (const block of one.table) block.holders--;
    one.table = [];
    one.computed = 0;
  }

  end(one: Sequence): void {
    this.release(one);
    this.sequences.delete(one.sequence);
  }
}

/** Blocks that are taken for the next tokens of a sequence. */
function blocks(
  { computed, held, idle }: SequenceView,
  count: number,
  { blockTokens }: SchedulerLimits,
): number {
  const table = Math.max(held, Math.ceil(computed / blockTokens));
  return idle + Math.max(0, Math.ceil((computed + count) / blockTokens) - table);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
