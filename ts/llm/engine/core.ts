/**
 * The engine without its thread: requests come in, steps run, outputs go out. A step is planned, and each of its runs goes
 * reserve → run → commit, or is rolled back. What is random or tells the time is handed in, so that equal calls have equal
 * results.
 */
import { HeadraceError } from '../../errors.ts';
import { BlockManager, type Reservation, saltOf } from '../block-manager.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import type { KvPool, ModelRunner, StepResult } from '../runner/runner.ts';
import { costOf } from '../scheduler/cost.ts';
import { plan } from '../scheduler/plan.ts';
import { POLICIES, type PolicyName, victim } from '../scheduler/policy.ts';
import type { PlannedRow, RunCost, SchedulerLimits, SequenceView } from '../scheduler/step-plan.ts';
import { Answer } from './answer.ts';
import { Chooser, type Chosen } from './chooser.ts';
import { CoreCounters } from './core-counters.ts';
import type { EngineEvent } from './engine-event.ts';
import type { EngineOutput } from './engine-output.ts';
import type { EngineTokens } from './engine-tokens.ts';
import type { EngineRequest, NewRequest } from './request.ts';
import { runInput } from './run-input.ts';
import type { Usage } from './token.ts';
import { copyBlocks, writeRows } from './write-rows.ts';

/** How large the engine is; see `EngineOptions` for what each means. */
export interface CoreLimits {
  readonly kvBlocks: number;
  readonly watermark: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly maxModelLen: number;
  readonly maxQueue: number;
  readonly maxRunCells: number;
  readonly prefixCache: boolean;
  readonly policy: PolicyName;
}

/** What the engine works with. */
export interface CoreParts {
  readonly runner: Pick<ModelRunner, 'shape' | 'pool' | 'run'>;
  readonly tokens: EngineTokens;
  /** What must be equal, besides the salt of requests, for them to share blocks: the digest of the model. */
  readonly salt: string;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly emit: (outputs: EngineOutput[]) => void;
  /** Told of everything that the engine decides. */
  readonly log?: ((event: EngineEvent) => void) | undefined;
  /** What runs take; estimated from the model's sizes unless given. */
  readonly cost?: RunCost | undefined;
}

export class EngineCore {
  readonly blocks: BlockManager;
  readonly counters = new CoreCounters();
  readonly #parts: CoreParts;
  readonly #limits: CoreLimits & SchedulerLimits;
  readonly #cost: RunCost;
  readonly #pool: KvPool;
  readonly #chooser: Chooser;
  readonly #requests = new Map<number, EngineRequest>();
  readonly #answers = new Map<number, Answer>();
  readonly #cancelled = new Set<number>();
  #arrivals = 0;
  #admissions = 0;
  #outputs: EngineOutput[] = [];

  constructor(parts: CoreParts, limits: CoreLimits) {
    this.#parts = parts;
    this.#limits = { ...limits, blockTokens: BLOCK_TOKENS };
    this.#cost = parts.cost ?? costOf(parts.runner.shape);
    this.blocks = new BlockManager({
      blocks: limits.kvBlocks,
      blockTokens: BLOCK_TOKENS,
      sequences: limits.maxQueue + limits.maxNumSeqs,
      watermark: limits.watermark,
      prefixCache: limits.prefixCache,
    });
    this.#pool = parts.runner.pool(limits.kvBlocks);
    this.#chooser = new Chooser();
  }

  /** Whether there is nothing to do. */
  get idle(): boolean {
    return this.#requests.size === 0;
  }

  get waiting(): number {
    let count = 0;
    for (const { admittedMs } of this.#requests.values()) count += admittedMs === undefined ? 1 : 0;
    return count;
  }

  get running(): number {
    return this.#requests.size - this.waiting;
  }

  /** Takes a request. Throws `HR_CONTEXT_LENGTH`, `HR_KV_CAPACITY` or `HR_QUEUE_FULL` for one that it does not take. */
  add(added: NewRequest): void {
    const { id, prompt, options } = added;
    const { maxQueue, maxNumSeqs, maxModelLen } = this.#limits;
    const most = prompt.length + options.maxTokens;
    if (most > maxModelLen) throw tooLong(prompt.length, options.maxTokens, maxModelLen);
    if (options.n > maxNumSeqs) {
      const what = `${options.n} answers were asked for, and ${maxNumSeqs} sequences can run at a time (maxNumSeqs).`;
      throw new HeadraceError('HR_KV_CAPACITY', what);
    }
    if (this.waiting >= maxQueue)
      throw new HeadraceError(
        'HR_QUEUE_FULL',
        `${maxQueue} requests are waiting, and no more are taken (maxQueue).`,
      );
    const sequence = this.blocks.open(prompt, most, saltOf(this.#parts.salt, options.cacheSalt));
    const arrival = ++this.#arrivals;
    const request: EngineRequest = {
      ...added,
      ...{ arrival, arrivedMs: this.#parts.clock(), answers: [] },
      ...{ cachedTokens: 0, admittedMs: undefined, completionTokens: 0 },
    };
    this.#requests.set(id, request);
    this.#answer(request, 0, sequence);
    this.#log({ kind: 'arrive', request: id, prompt: prompt.length, maxTokens: options.maxTokens });
  }

  /** Ends a request at the next border between runs; says nothing more about it. */
  cancel(id: number): void {
    if (this.#requests.has(id)) this.#cancelled.add(id);
  }

  /** Drops what the cache has for nobody; how many blocks had something. Between steps and between runs. */
  resetPrefixCache(): number {
    return this.blocks.resetPrefixCache();
  }

  /** Ends all requests with this error. */
  failAll(error: HeadraceError): void {
    for (const request of this.#requests.values()) this.#fail(request, error);
    this.#flush();
  }

  /** Runs one step: every sequence that can goes on by a token, or a part of its prompt is computed. */
  async step(): Promise<void> {
    const began = this.#parts.clock();
    const before = this.counters.runMs;
    this.#endCancelled();
    const preempted = new Set<number>();
    let ran = this.#requests.size === 0;
    for (const rows of this.#plan()) {
      this.#endCancelled();
      const there = rows.filter(({ sequence }) => this.#answers.has(sequence) && !preempted.has(sequence));
      ran = (await this.#run(there, preempted)) || ran;
      this.#flush();
    }
    this.#flush();
    this.counters.steps++;
    this.counters.ownMs += this.#parts.clock() - began - (this.counters.runMs - before);
    if (!ran && this.#cancelled.size === 0 && this.#requests.size > 0)
      throw new HeadraceError('HR_INTERNAL', 'The scheduler found nothing to run, and requests are waiting.');
  }

  #plan(): readonly (readonly PlannedRow[])[] {
    const policy = POLICIES[this.#limits.policy];
    const byPolicy = this.#views([...this.#answers.values()]).sort(policy);
    const has = ({ sequence }: SequenceView) => this.#answers.get(sequence)?.request.admittedMs !== undefined;
    const state = {
      waiting: byPolicy.filter((view) => !has(view)),
      started: byPolicy.filter(has),
      free: this.blocks.counters().free,
    };
    const { runs } = plan(state, this.#limits, this.#cost, policy);
    this.#log({
      kind: 'plan',
      runs: runs.map((rows) => rows.map(({ sequence, count }) => [sequence, count])),
    });
    return runs;
  }

  /** Decoding sequences as they are; of others also what the prefix index has for them. */
  #views(answers: Answer[]): SequenceView[] {
    const policy = POLICIES[this.#limits.policy];
    const views = answers.map((answer) => view(answer)).sort(policy);
    const asked = views.filter(({ known, computed, held }) => held === 0 || known - computed > 1);
    // Not all of a long queue: those in front lead and are admitted first.
    const front = asked.slice(0, this.#limits.maxNumSeqs + PROBED_WAITING);
    if (front.length === 0) return views;
    const { cached, idle, leaders } = this.blocks.probe(Uint32Array.from(front, ({ sequence }) => sequence));
    const found = new Map(
      front.map((one, at) => [
        one.sequence,
        { ...one, computed: cached[at] as number, idle: idle[at] as number, leader: leaders[at] as number },
      ]),
    );
    return views.map((one) => found.get(one.sequence) ?? one);
  }

  /** Runs these rows, or as many as there are blocks for; whether any ran. */
  async #run(rows: readonly PlannedRow[], preempted: Set<number>): Promise<boolean> {
    const reserved = this.#reserve(rows, preempted);
    if (reserved === undefined) return false;
    const { answers, reservation } = reserved;
    const logits = answers.some((answer) => this.#chooser.needsLogits(answer));
    const input = runInput(answers, reservation, this.#parts.runner.shape, logits);
    const began = this.#parts.clock();
    let result: StepResult;
    try {
      copyBlocks(this.#pool, this.#parts.runner.shape, reservation.copies);
      result = await this.#parts.runner.run(input, this.#pool);
    } catch (error) {
      this.blocks.rollBack(reservation.run, false);
      await this.#isolate(answers, reservation, error, preempted);
      return true;
    }
    const tookMs = this.#parts.clock() - began;
    this.counters.ran(input, tookMs);
    this.#log({
      kind: 'run',
      rows: input.rows,
      width: input.width,
      blocks: input.blocks.length / input.rows,
      ms: tookMs,
    });
    this.#commit(answers, reservation, input.width, result);
    return true;
  }

  /** Finds blocks for the rows: those without blocks give way first, and then the least urgent sequence is preempted. */
  #reserve(rows: readonly PlannedRow[], preempted: Set<number>) {
    let left = [...rows];
    while (left.length > 0) {
      const sequences = Uint32Array.from(left, ({ sequence }) => sequence);
      const reservation = this.blocks.reserve(
        sequences,
        Uint32Array.from(left, ({ count }) => count),
      );
      const answers = left.map(({ sequence }) => this.#answers.get(sequence) as Answer);
      if (reservation.kind === 'run') {
        for (const [row, answer] of answers.entries()) this.#admit(answer, reservation.starts[row] as number);
        return { answers, reservation };
      }
      const newcomer = answers.findLastIndex(({ computed }) => computed === 0);
      if (newcomer >= 0) left = left.toSpliced(newcomer, 1);
      else {
        const gone = this.#preempt();
        preempted.add(gone);
        left = left.filter(({ sequence }) => sequence !== gone);
      }
    }
    return undefined;
  }

  #admit(answer: Answer, start: number): void {
    if (answer.computed > 0) return;
    answer.admission = ++this.#admissions;
    const { request } = answer;
    if (request.admittedMs === undefined) {
      request.admittedMs = this.#parts.clock();
      request.cachedTokens = Math.min(start, request.prompt.length);
    }
    this.#log({ kind: 'admit', request: request.id, choice: answer.choice, cached: start });
  }

  /** Takes the blocks of the sequence that has to give way, which is computed again later. */
  #preempt(): number {
    const holders = [...this.#answers.values()].filter(({ computed }) => computed > 0);
    const views = holders.map((answer) => ({ ...view(answer), arrival: answer.admission }));
    const sequence = victim(views, POLICIES[this.#limits.policy]);
    const answer = this.#answers.get(sequence ?? 0);
    if (answer === undefined)
      throw new HeadraceError('HR_INTERNAL', 'A run lacks blocks, and nobody holds any.');
    this.blocks.release(Uint32Array.of(answer.sequence));
    answer.computed = 0;
    this.counters.preemptions++;
    this.#log({ kind: 'preempt', request: answer.request.id, choice: answer.choice });
    return answer.sequence;
  }

  /** A run failed as a whole: each row is tried alone, and fails alone. */
  async #isolate(
    answers: readonly Answer[],
    { counts }: Reservation,
    error: unknown,
    preempted: Set<number>,
  ) {
    const [only] = answers;
    if (answers.length === 1 && only !== undefined) {
      this.#fail(only.request, runFailed(error instanceof Error ? error.message : String(error), error));
      return;
    }
    for (const [row, { sequence }] of answers.entries()) {
      if (!this.#answers.has(sequence) || preempted.has(sequence)) continue;
      await this.#run([{ sequence, count: counts[row] as number }], preempted);
    }
  }

  #commit(answers: readonly Answer[], reservation: Reservation, width: number, result: StepResult): void {
    const { run, starts, counts } = reservation;
    const sound = answers.map((_, row) => Number.isFinite(result.sums[row]));
    writeRows(this.#pool, this.#parts.runner.shape, result.newKv, width, reservation, sound);
    const chosen = answers.map((answer, row) => {
      const ends = (starts[row] as number) + (counts[row] as number) === answer.known;
      return ends && sound[row] ? this.#chooser.choose(answer, row, result) : [];
    });
    const kept = counts.map((count, row) => (sound[row] ? count : 0));
    const first = chosen.flatMap(([one]) => (one === undefined ? [] : [one.token]));
    const appended = Uint32Array.from(chosen, ({ length }) => Math.min(length, 1));
    this.blocks.commit(run, Uint32Array.from(kept), appended, Uint32Array.from(first));
    for (const [row, answer] of answers.entries()) {
      if (!sound[row]) {
        this.#fail(answer.request, runFailed('the model computed something that is no number'));
        continue;
      }
      answer.computed = (starts[row] as number) + (kept[row] as number);
      this.#grow(answer, chosen[row] as Chosen[]);
    }
  }

  /** Appends the chosen tokens: the first to this answer, the others to answers that branch off here. */
  #grow(answer: Answer, chosen: readonly Chosen[]): void {
    const { request } = answer;
    if (chosen.length === 0 || !this.#answers.has(answer.sequence)) return;
    const grown = chosen.map(({ token }, at) => {
      if (at === 0) return answer;
      const { prompt } = request;
      const sequence = this.blocks.fork(answer.sequence, prompt.length, Uint32Array.of(token));
      const branch = this.#answer(request, at, sequence);
      branch.computed = prompt.length;
      branch.admission = ++this.#admissions;
      return branch;
    });
    const tokens = chosen.map(({ token, scored }, at) => {
      const one = grown[at] as Answer;
      const piece = one.push(token, this.#parts.tokens.ends.has(token));
      request.completionTokens++;
      if (piece.finish !== undefined) this.#end(one);
      return { choice: one.choice, token, ...(scored === undefined ? {} : { scored }), ...piece };
    });
    this.counters.generated += tokens.length;
    const last = request.answers.length === 0;
    this.#outputs.push({ kind: 'tokens', request: request.id, usage: usageOf(request), tokens, last });
    if (last) this.#forget(request, 'finish');
  }

  #answer(request: EngineRequest, choice: number, sequence: number): Answer {
    const answer = new Answer(request, choice, sequence, this.#parts.tokens.detokenizer());
    request.answers.push(answer);
    this.#answers.set(sequence, answer);
    return answer;
  }

  #end(answer: Answer): void {
    this.blocks.close(Uint32Array.of(answer.sequence));
    this.#answers.delete(answer.sequence);
    answer.request.answers.splice(answer.request.answers.indexOf(answer), 1);
  }

  #endCancelled(): void {
    for (const id of this.#cancelled) {
      const request = this.#requests.get(id);
      if (request !== undefined) this.#drop(request, 'cancel');
    }
    this.#cancelled.clear();
  }

  #fail(request: EngineRequest, error: HeadraceError): void {
    if (!this.#requests.has(request.id)) return;
    this.#drop(request, 'fail');
    this.#outputs.push({ kind: 'failed', request: request.id, error: error.toJSON() });
  }

  #drop(request: EngineRequest, how: 'cancel' | 'fail'): void {
    for (const answer of [...request.answers]) this.#end(answer);
    this.#forget(request, how);
  }

  #forget(request: EngineRequest, how: 'finish' | 'cancel' | 'fail'): void {
    this.#requests.delete(request.id);
    this.counters.ended(how);
    this.#log({ kind: how, request: request.id });
  }

  #flush(): void {
    if (this.#outputs.length === 0) return;
    this.#parts.emit(this.#outputs);
    this.#outputs = [];
  }

  #log(event: EngineEvent): void {
    this.#parts.log?.(event);
  }
}

/** Waiting requests that are looked up in the prefix index in one step, besides those that could run. */
const PROBED_WAITING = 64;

function view(answer: Answer): SequenceView {
  const { request, sequence, known, computed } = answer;
  return {
    ...{ sequence, known, computed },
    arrival: request.arrival,
    priority: request.options.priority,
    held: Math.ceil(computed / BLOCK_TOKENS),
    ...{ idle: 0, leader: 0 },
    choices: answer.output.length === 0 ? request.options.n : 1,
  };
}

function usageOf({ prompt, cachedTokens, completionTokens }: EngineRequest): Usage {
  return { promptTokens: prompt.length, cachedTokens, completionTokens };
}

function tooLong(prompt: number, maxTokens: number, most: number): HeadraceError {
  const what = `The prompt has ${prompt} tokens and ${maxTokens} more were asked for, and the context has room for ${most}.`;
  return new HeadraceError('HR_CONTEXT_LENGTH', what, {
    hint: 'Shorten the prompt, or ask for fewer tokens.',
  });
}

function runFailed(why: string, cause?: unknown): HeadraceError {
  return new HeadraceError('HR_MODEL_RUN', `The model failed on this request: ${why}.`, { cause });
}
