/** Shows the scheduler how things stand. */
import type { BlockManager } from '../block-manager.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import type { Policy, SchedulerState, SequenceView } from '../scheduler/step-plan.ts';
import type { Answer } from './answer.ts';

/** Waiting requests that are looked up in the prefix index in one step. */
const PROBED_MAX = 128;

/** The state of all answers, in the order of the policy. O(answers · log answers). */
export function schedulerState(
  answers: readonly Answer[],
  blocks: BlockManager,
  policy: Policy,
): SchedulerState {
  const views = answers.map((answer) => viewOf(answer)).sort(policy);
  const found = lookUp(views, blocks);
  const started = new Set(
    answers.filter(({ request }) => request.admittedMs !== undefined).map(({ sequence }) => sequence),
  );
  return {
    waiting: found.filter(({ sequence }) => !started.has(sequence)),
    started: found.filter(({ sequence }) => started.has(sequence)),
    free: blocks.counters().free,
  };
}

/** An answer as the scheduler sees it, without a look into the prefix index. */
export function viewOf(answer: Answer): SequenceView {
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

/**
 * Adds what the prefix index has, for those with a prompt to compute: of a long queue only for those in front, which lead
 * and are admitted first.
 */
function lookUp(views: readonly SequenceView[], blocks: BlockManager): readonly SequenceView[] {
  const asked = views.filter(({ known, computed }) => known - computed > 1 || computed === 0);
  const front = asked.slice(0, PROBED_MAX);
  if (front.length === 0) return views;
  const { cached, idle, leaders } = blocks.probe(Uint32Array.from(front, ({ sequence }) => sequence));
  const places = new Map(front.map(({ sequence }, at) => [sequence, at]));
  return views.map((view) => {
    const at = places.get(view.sequence);
    if (at === undefined) return view;
    return {
      ...view,
      computed: cached[at] as number,
      idle: idle[at] as number,
      leader: leaders[at] as number,
    };
  });
}
