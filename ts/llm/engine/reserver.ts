/** Gives the rows of a run their blocks, and takes blocks away where there are too few. */
import { HeadraceError } from '../../errors.ts';
import type { BlockManager, Reservation } from '../block-manager.ts';
import { victim } from '../scheduler/policy.ts';
import type { PlannedRow, Policy } from '../scheduler/step-plan.ts';
import type { Answer } from './answer.ts';
import type { CoreCounters } from './core-counters.ts';
import type { EngineEvent } from './engine-event.ts';
import { viewOf } from './planning.ts';
import type { RequestTable } from './request-table.ts';

/** Rows that have blocks for the run. */
export interface Reserved {
  readonly answers: readonly Answer[];
  readonly reservation: Reservation;
}

/** What of the engine it works on. */
interface Engine {
  readonly blocks: BlockManager;
  readonly requests: RequestTable;
  readonly counters: CoreCounters;
}

export class Reserver {
  /** Sequences that were preempted in this step; they are planned anew in the next. */
  readonly preempted = new Set<number>();
  readonly #engine: Engine;
  readonly #policy: Policy;
  readonly #clock: () => number;
  readonly #log: (event: EngineEvent) => void;
  #admissions = 0;

  constructor(engine: Engine, policy: Policy, clock: () => number, log: (event: EngineEvent) => void) {
    this.#engine = engine;
    this.#policy = policy;
    this.#clock = clock;
    this.#log = log;
  }

  /** A step begins. */
  begin(): void {
    this.preempted.clear();
  }

  /**
   * Finds blocks for the rows: those without blocks give way first, and then the least urgent sequence is preempted. Undefined
   * if no row is left.
   */
  reserve(rows: readonly PlannedRow[]): Reserved | undefined {
    const { blocks, requests } = this.#engine;
    let left = rows;
    while (left.length > 0) {
      const sequences = Uint32Array.from(left, ({ sequence }) => sequence);
      const counts = Uint32Array.from(left, ({ count }) => count);
      const reservation = blocks.reserve(sequences, counts);
      const answers = left.map(({ sequence }) => requests.answer(sequence) as Answer);
      if (reservation.kind === 'run') {
        for (const [row, answer] of answers.entries()) this.#admit(answer, reservation.starts[row] as number);
        return { answers, reservation };
      }
      const newcomer = answers.findLastIndex(({ computed }) => computed === 0);
      if (newcomer >= 0) left = left.toSpliced(newcomer, 1);
      else {
        const gone = this.#preempt();
        left = left.filter(({ sequence }) => sequence !== gone);
      }
    }
    return undefined;
  }

  /** Counts an answer as the one that was admitted last. */
  admitted(answer: Answer): void {
    answer.admission = ++this.#admissions;
  }

  #admit(answer: Answer, start: number): void {
    if (answer.computed > 0) return;
    this.admitted(answer);
    const { request, choice, sequence } = answer;
    this.#engine.requests.started(request, start, this.#clock());
    this.#log({ kind: 'admit', request: request.id, choice, sequence, cached: start });
  }

  /** Takes the blocks of the sequence that has to give way, which is computed again later. */
  #preempt(): number {
    const { blocks, requests, counters } = this.#engine;
    const holders = requests.answers().filter(({ computed }) => computed > 0);
    // Last admitted, first to go.
    const views = holders.map((answer) => ({ ...viewOf(answer), arrival: answer.admission }));
    const answer = requests.answer(victim(views, this.#policy) ?? 0);
    if (answer === undefined)
      throw new HeadraceError('HR_INTERNAL', 'A run lacks blocks, and nobody holds any.');
    const { sequence, request, choice } = answer;
    blocks.release(Uint32Array.of(sequence));
    answer.computed = 0;
    this.preempted.add(sequence);
    counters.preemptions++;
    this.#log({ kind: 'preempt', request: request.id, choice });
    return sequence;
  }
}
