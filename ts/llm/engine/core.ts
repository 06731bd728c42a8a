/**
 * The engine without its thread: requests come in, steps run, outputs go out. A step is planned, and each of its runs goes
 * reserve → run → commit, or is rolled back. What is random or tells the time is handed in, so that equal calls have equal
 * results.
 */
import { HeadraceError } from '../../errors.ts';
import { BlockManager, type Reservation } from '../block-manager.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import { free } from '../runner/free.ts';
import { PoolMemory } from '../runner/pool-memory.ts';
import type { KvPool } from '../runner/runner.ts';
import { copyBlocks, scatter } from '../runner/scatter.ts';
import { costOf } from '../scheduler/cost.ts';
import { plan } from '../scheduler/plan.ts';
import { POLICIES } from '../scheduler/policy.ts';
import type { PlannedRow, Policy, RunCost, SchedulerLimits } from '../scheduler/step-plan.ts';
import type { Answer } from './answer.ts';
import { Chooser, type Chosen } from './chooser.ts';
import { CoreCounters } from './core-counters.ts';
import type { CoreLimits, CoreParts } from './core-parts.ts';
import type { EngineEvent } from './engine-event.ts';
import type { EngineOutput } from './engine-output.ts';
import { schedulerState } from './planning.ts';
import { type EngineRequest, type NewRequest, usageOf } from './request.ts';
import { RequestTable } from './request-table.ts';
import { type Reserved, Reserver } from './reserver.ts';
import { atEnd, runInput } from './run-input.ts';

/** What came of a run, by row: whether it has numbers, and its next tokens, or why there are none. */
interface Outcome {
  readonly sound: readonly boolean[];
  readonly chosen: ReadonlyMap<number, readonly Chosen[] | HeadraceError>;
}

export class EngineCore {
  readonly blocks: BlockManager;
  readonly counters = new CoreCounters();
  readonly requests: RequestTable;
  readonly #parts: CoreParts;
  readonly #limits: SchedulerLimits;
  readonly #policy: Policy;
  readonly #cost: RunCost;
  readonly #pool: KvPool;
  readonly #memory: PoolMemory;
  readonly #chooser: Chooser;
  readonly #reserver: Reserver;
  readonly #log: (event: EngineEvent) => void;
  /** What waits for the border between two runs. */
  readonly #errands: (() => void)[] = [];
  #stepping = false;
  #outputs: EngineOutput[] = [];

  constructor(parts: CoreParts, limits: CoreLimits) {
    this.#parts = parts;
    this.#limits = { ...limits, blockTokens: BLOCK_TOKENS };
    this.#policy = POLICIES[limits.policy];
    this.#cost = parts.cost ?? costOf(parts.runner.shape);
    this.#log = parts.log ?? (() => {});
    this.blocks = new BlockManager({
      blocks: limits.kvBlocks,
      blockTokens: BLOCK_TOKENS,
      sequences: limits.maxQueue + limits.maxNumSeqs,
      watermark: limits.watermark,
      prefixCache: limits.prefixCache,
    });
    this.requests = new RequestTable(this.blocks, parts.tokens, parts.salt, limits);
    this.#pool = parts.runner.pool(limits.kvBlocks);
    this.#memory = new PoolMemory(this.#pool);
    this.#chooser = new Chooser(parts.tokens, parts.runner.shape.vocabulary);
    this.#reserver = new Reserver(this, this.#policy, parts.clock, this.#log);
  }

  /** Whether there is nothing to do. */
  get idle(): boolean {
    return this.requests.size === 0;
  }

  /** Has memory found for the next part of the KV cache; false if there is none left. Something to do while idle. */
  findMemory(): boolean {
    return this.#memory.next();
  }

  /** Takes a request. Throws `HR_CONTEXT_LENGTH`, `HR_KV_CAPACITY` or `HR_QUEUE_FULL` for one that it does not take. */
  add(request: NewRequest): void {
    this.requests.add(request, this.#parts.clock());
    const { id, prompt, options } = request;
    this.#log({ kind: 'arrive', request: id, prompt: prompt.length, maxTokens: options.maxTokens });
  }

  /** Ends a request at the next border between runs; says nothing more about it. */
  cancel(id: number): void {
    this.#betweenRuns(() => {
      const request = this.requests.request(id);
      if (request !== undefined) this.#remove(request, 'cancel');
    });
  }

  /** Forgets what no running request holds, at the next border between runs; how many blocks had something. */
  resetPrefixCache(): Promise<number> {
    return new Promise((resolve) =>
      this.#betweenRuns(() => {
        const blocks = this.blocks.resetPrefixCache();
        this.#log({ kind: 'reset', blocks });
        resolve(blocks);
      }),
    );
  }

  /** Does something while no run is open: at once, or after the one that is. */
  #betweenRuns(errand: () => void): void {
    if (this.#stepping) this.#errands.push(errand);
    else errand();
  }

  /** Ends all requests with this error. */
  failAll(error: HeadraceError): void {
    for (const request of this.requests.requests()) this.#fail(request, error);
    this.#flush();
  }

  /** Runs one step: every sequence that can goes on by a token, or a part of its prompt is computed. */
  async step(): Promise<void> {
    this.#stepping = true;
    try {
      const began = this.#parts.clock();
      const inRuns = this.counters.runMs;
      await this.#runAll();
      const ownMs = this.#parts.clock() - began - (this.counters.runMs - inRuns);
      this.counters.stepped(ownMs);
      this.#log({ kind: 'step', ownMs });
    } finally {
      this.#stepping = false;
      this.#runErrands();
    }
  }

  async #runAll(): Promise<void> {
    this.#reserver.begin();
    let changed = this.idle;
    for (const rows of this.#scheduling(() => this.#plan())) {
      const there = rows.filter(({ sequence }) => this.#there(sequence));
      changed = (await this.#run(there)) || there.length < rows.length || changed;
      this.#runErrands();
      this.#flush();
    }
    // Who gave way may have been the only one in the step; then there is room in the next.
    if (!changed && this.#reserver.preempted.size === 0)
      throw new HeadraceError('HR_INTERNAL', 'Requests wait, and the scheduler found nothing to run.');
  }

  /** Whether a planned row can still run: its request may have been cancelled, or its blocks taken. */
  #there(sequence: number): boolean {
    return this.requests.answer(sequence) !== undefined && !this.#reserver.preempted.has(sequence);
  }

  #plan(): readonly (readonly PlannedRow[])[] {
    const state = schedulerState(this.requests.answers(), this.blocks, this.#policy);
    const { runs } = plan(state, this.#limits, this.#cost, this.#policy);
    const pairs = runs.map((rows) => rows.map(({ sequence, count }) => [sequence, count] as const));
    this.#log({ kind: 'plan', runs: pairs });
    return runs;
  }

  /** Runs these rows, or as many as there are blocks for; whether any ran. */
  async #run(rows: readonly PlannedRow[]): Promise<boolean> {
    const reserved = this.#scheduling(() => this.#reserver.reserve(rows));
    if (reserved === undefined) return false;
    const { answers, reservation } = reserved;
    let outcome: Outcome;
    try {
      outcome = await this.#compute(reserved);
    } catch (error) {
      this.blocks.rollBack(reservation.run, false);
      await this.#isolate(answers, reservation, error);
      return true;
    }
    this.#commit(answers, reservation, outcome);
    return true;
  }

  /** Computes the rows, chooses the next tokens, and writes what is sound to the pool. */
  async #compute({ answers, reservation }: Reserved): Promise<Outcome> {
    const { runner, clock } = this.#parts;
    const logits = answers.some(
      (answer, row) => atEnd(answer, reservation, row) && this.#chooser.needsLogits(answer),
    );
    const input = runInput(answers, reservation, runner.shape, logits);
    const { rows, width } = input;
    const began = clock();
    copyBlocks(this.#pool, runner.shape, reservation.copies);
    const result = await runner.run(input, this.#pool);
    const ms = clock() - began;
    this.counters.ran(input, ms);
    this.#log({ kind: 'run', rows, width, blocks: input.blocks.length / rows, ms });
    const sound = answers.map((_, row) => Number.isFinite(result.sums[row]));
    const ready = [...answers.entries()].filter(
      ([row, answer]) => sound[row] && atEnd(answer, reservation, row),
    );
    const chosen = this.#scheduling(() => this.#chooser.choose(new Map(ready), result));
    // At last, so that whatever fails has written nothing.
    const kept = reservation.counts.map((count, row) => (sound[row] ? count : 0));
    scatter(this.#pool, runner.shape, result.newKv, { ...reservation, width, kept });
    free(result.newKv, result.logits);
    return { sound, chosen };
  }

  /** A run failed as a whole: each row is tried alone, and fails alone. */
  async #isolate(answers: readonly Answer[], { counts }: Reservation, error: unknown): Promise<void> {
    const why = error instanceof Error ? error.message : String(error);
    this.counters.failedRuns++;
    this.#log({ kind: 'isolate', sequences: answers.map(({ sequence }) => sequence), why });
    const [only] = answers;
    if (answers.length === 1 && only !== undefined) {
      this.#fail(only.request, runFailed(why, error));
      return;
    }
    for (const [row, { sequence }] of answers.entries())
      if (this.#there(sequence)) await this.#run([{ sequence, count: counts[row] as number }]);
  }

  #commit(answers: readonly Answer[], reservation: Reservation, { sound, chosen }: Outcome): void {
    const { run, starts, counts } = reservation;
    const kept = Uint32Array.from(counts, (count, row) => (sound[row] ? count : 0));
    const grown = answers.map((_, row) => {
      const one = chosen.get(row);
      return one instanceof HeadraceError ? [] : (one ?? []);
    });
    const appended = Uint32Array.from(grown, ({ length }) => Math.min(length, 1));
    const first = Uint32Array.from(grown.flatMap(([one]) => (one === undefined ? [] : [one.token])));
    this.#scheduling(() => this.blocks.commit(run, kept, appended, first));
    for (const [row, answer] of answers.entries()) {
      const failed = chosen.get(row);
      if (!sound[row]) this.#fail(answer.request, runFailed('it computed something that is no number'));
      else if (failed instanceof HeadraceError) this.#fail(answer.request, failed);
      else if (this.requests.answer(answer.sequence) !== undefined) {
        answer.computed = (starts[row] as number) + (kept[row] as number);
        this.#grow(answer, grown[row] as readonly Chosen[]);
      }
    }
  }

  /** Appends the chosen tokens: the first to this answer, the others to answers that branch off here. */
  #grow(answer: Answer, chosen: readonly Chosen[]): void {
    if (chosen.length === 0) return;
    const { request } = answer;
    const grown = chosen.map(({ token }, choice) =>
      choice === 0 ? answer : this.#branch(answer, choice, token),
    );
    const tokens = chosen.map(({ token, scored }, at) => {
      const one = grown[at] as Answer;
      const piece = one.push(token, this.#parts.tokens.ends.has(token));
      if (piece.finish !== undefined) this.requests.end(one);
      return { choice: one.choice, token, ...(scored === undefined ? {} : { scored }), ...piece };
    });
    request.completionTokens += tokens.length;
    this.counters.generated += tokens.length;
    const last = request.answers.length === 0;
    this.#outputs.push({ kind: 'tokens', request: request.id, usage: usageOf(request), tokens, last });
    if (last) this.#remove(request, 'finish');
  }

  #branch(answer: Answer, choice: number, token: number): Answer {
    const branch = this.requests.branch(answer, choice, token);
    this.#reserver.admitted(branch);
    this.#log({ kind: 'branch', request: branch.request.id, choice, sequence: branch.sequence });
    return branch;
  }

  #fail(request: EngineRequest, error: HeadraceError): void {
    if (this.requests.request(request.id) === undefined) return;
    this.#remove(request, 'fail');
    this.#outputs.push({ kind: 'failed', request: request.id, error: error.toJSON() });
  }

  #remove(request: EngineRequest, how: 'finish' | 'cancel' | 'fail'): void {
    this.requests.remove(request);
    this.counters.ended(how);
    this.#log({ kind: how, request: request.id });
  }

  /** Does a part of a step that counts as scheduling. */
  #scheduling<T>(work: () => T): T {
    const began = this.#parts.clock();
    const result = work();
    this.counters.schedulingMs += this.#parts.clock() - began;
    return result;
  }

  #runErrands(): void {
    for (const errand of this.#errands.splice(0)) errand();
  }

  #flush(): void {
    if (this.#outputs.length === 0) return;
    this.#parts.emit(this.#outputs);
    this.#outputs = [];
  }
}

function runFailed(why: string, cause?: unknown): HeadraceError {
  return new HeadraceError('HR_MODEL_RUN', `The model failed on this request: ${why}.`, { cause });
}
