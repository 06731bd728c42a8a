/**
 * What a step computes: a pure function of what the scheduler knows.
 *
 * In this order, each in that of the policy: the next token of all sequences that have only that to compute; chunks of
 * the prompts of those that hold blocks; then sequences without blocks, whether they were preempted or have never run. The rows
 * are put into runs by cost.
 */
import { group, type Row } from './group.ts';
import { totalOrder } from './policy.ts';
import type {
  Policy,
  RunCost,
  SchedulerLimits,
  SchedulerState,
  SequenceView,
  StepPlan,
} from './step-plan.ts';

/**
 * Plans one step.
 *
 * - Sequences that generate are all in it, also if blocks seem to be missing. Then there is nothing else, so that the
 *   engine learns from the block manager whether somebody must be preempted.
 * - A prompt gets what is left of the tokens and, if it holds blocks, of the free blocks; its chunk ends with a block if it can.
 * - A sequence without blocks is admitted only if the blocks for all that it knows are free, besides those that sequences with
 *   blocks need for all that they know, and the watermark. One that cannot be admitted is not overtaken. One that
 *   cannot start because of `maxNumSeqs` is not overtaken by others that have never run either.
 * - A sequence with a leader waits, and may be overtaken. A prompt that has begun and leads others comes where the first of
 *   them would, so that nobody between them makes them wait.
 * - If all of this leaves nothing, the first sequence that may run does, whatever the estimate says.
 *
 * A request has at most `maxNumSeqs` choices, and its blocks fit the pool: what does not is refused at the door. And a step
 * has at least `maxNumSeqs` tokens.
 * O(n log n) for n sequences, of which the waiting ones only count if one of them may start, and what {@link group} takes.
 */
export function plan(
  state: SchedulerState,
  limits: SchedulerLimits,
  cost: RunCost,
  policy: Policy,
): StepPlan {
  const order = totalOrder(policy);
  const running = state.started.filter(({ held }) => held > 0).sort(order);
  const decoding = running.filter((view) => left(view) === 1);
  const prefilling = running.filter((view) => left(view) > 1);
  const step = new Step(state.free, limits);
  for (const view of decoding) step.add(view, 1);
  // Most steps have no prompt in them, and need not know who waits for whom.
  const all = prefilling.length > 0 ? [...state.started, ...state.waiting] : [];
  for (const view of waitedFor(all.sort(order)))
    if (view.held > 0 && left(view) > 1) step.add(view, step.chunk(view, step.free));
  admit(step, running, state, order);
  if (step.rows.length === 0) {
    const preempted = state.started.filter(({ held }) => held === 0);
    const any = [prefilling, preempted, state.waiting].find((views) => views.length > 0) ?? [];
    const [first] = any.toSorted((a, b) => Number(leads(b)) - Number(leads(a)) || order(a, b));
    if (first !== undefined) step.add(first, step.chunk(first, Number.POSITIVE_INFINITY));
  }
  return { runs: group(step.rows, limits, cost) };
}

/** Adds sequences without blocks, as long as one after the other finds the blocks that it will need. */
function admit(step: Step, running: readonly SequenceView[], state: SchedulerState, order: Policy): void {
  const { watermark, maxNumSeqs } = step.limits;
  let room = running.reduce((free, view) => free - step.blocks(view, left(view)), state.free);
  let places = placesLeft(state, maxNumSeqs);
  let others = running.length > 0;
  const waiting = new Set(state.waiting);
  for (const view of candidates(state, step.limits).filter(leads).sort(order)) {
    const starts = waiting.has(view);
    if (starts && view.choices > places) {
      places = 0;
      continue;
    }
    // Each answer soon writes into a block of its own.
    room -= step.blocks(view, left(view)) + view.choices - 1;
    if (step.tokens === 0 || room < (others ? watermark : 0)) return;
    step.add(view, step.chunk(view, Number.POSITIVE_INFINITY));
    places -= starts ? view.choices : 0;
    others = true;
  }
}

/** Those without a leader, in the order of the first that waits for them, or of themselves. */
function waitedFor(views: readonly SequenceView[]): Iterable<SequenceView> {
  const bySequence = new Map(views.map((view) => [view.sequence, view]));
  const first = new Set<SequenceView>();
  for (const view of views) {
    let leader: SequenceView | undefined = view;
    while (leader !== undefined && !leads(leader)) leader = bySequence.get(leader.leader);
    if (leader !== undefined) first.add(leader);
  }
  return first;
}

/** Tokens that are known and not computed. */
const left = ({ known, computed }: SequenceView): number => known - computed;

const leads = ({ leader }: SequenceView): boolean => leader === 0;

/** How many sequences may start. */
const placesLeft = ({ started }: SchedulerState, maxNumSeqs: number): number =>
  started.reduce((places, { choices }) => places - choices, maxNumSeqs);

/** Sequences without blocks; of those that have never run, the ones that may start if they are alone. */
function candidates(state: SchedulerState, { maxNumSeqs }: SchedulerLimits): SequenceView[] {
  const places = placesLeft(state, maxNumSeqs);
  const waiting = places > 0 ? state.waiting : [];
  return [...state.started.filter(({ held }) => held === 0), ...waiting];
}

/** The rows so far, and what they leave. */
class Step {
  readonly limits: SchedulerLimits;
  readonly rows: Row[] = [];
  /** New tokens that further rows may have. */
  tokens: number;
  /** Free blocks that the rows leave; negative if there seem to be too few. */
  free: number;

  constructor(free: number, limits: SchedulerLimits) {
    this.free = free;
    this.limits = limits;
    this.tokens = limits.maxNumBatchedTokens;
  }

  add(view: SequenceView, count: number): void {
    if (count === 0) return;
    this.rows.push({ sequence: view.sequence, start: view.computed, count });
    this.tokens -= count;
    this.free -= this.blocks(view, count);
  }

  /** Blocks that are free and will not be if the next `count` tokens of a sequence are computed. */
  blocks(view: SequenceView, count: number): number {
    const table = this.#table(view);
    return view.idle + Math.max(0, Math.ceil((view.computed + count) / this.limits.blockTokens) - table);
  }

  /**
   * As many of the next tokens of a prompt as the tokens left, so many free blocks and the sizes of a chunk and of a run allow;
   * perhaps 0.
   */
  chunk(view: SequenceView, free: number): number {
    const { blockTokens, maxRunCells } = this.limits;
    const { computed } = view;
    const held = (this.#table(view) + free - view.idle) * blockTokens - computed;
    // The most tokens w with w · (computed + w, rounded up to a block) ≤ maxRunCells, or nearly so many.
    const end = computed + blockTokens - 1;
    const wide = Math.max(1, Math.floor((Math.sqrt(end * end + 4 * maxRunCells) - end) / 2));
    const count = Math.max(0, Math.min(left(view), this.tokens, held, wide, this.#part(view)));
    // A chunk that ends with a block makes that block one that others find.
    const whole = count - ((computed + count) % blockTokens);
    return count === left(view) || whole <= 0 ? count : whole;
  }

  /** The chunk of a prompt that is cut into as few as can be, of about the same size and of whole blocks. */
  #part(view: SequenceView): number {
    const { blockTokens, maxChunkTokens } = this.limits;
    const chunks = Math.ceil(left(view) / maxChunkTokens);
    return Math.min(maxChunkTokens, Math.ceil(left(view) / chunks / blockTokens) * blockTokens);
  }

  /** Blocks in the table of a sequence once it has taken hold of those that it finds. */
  #table({ held, computed }: SequenceView): number {
    return Math.max(held, Math.ceil(computed / this.limits.blockTokens));
  }
}
