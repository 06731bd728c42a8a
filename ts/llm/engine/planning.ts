/** Shows the scheduler how things stand. */
import type { BlockManager } from '../block-manager.ts';
import { BLOCK_TOKENS } from '../import/shape.ts';
import type { Policy, SchedulerState, SequenceView } from '../scheduler/step-plan.ts';
import type { Answer } from './answer.ts';

/** Sequences that are looked up in the prefix index in one step. */
const PROBED_MAX = 128;

/**
 * The state of all answers, in the order of the policy. Of a long queue only those in front are in it, which have been looked
 * up: the others might compute what one of those is about to. O(answers · log answers).
 */
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
    waiting: [...found.values()].filter(({ sequence }) => !started.has(sequence)),
    started: views
      .filter(({ sequence }) => started.has(sequence))
      .map((view) => found.get(view.sequence) ?? view),
    free: blocks.free,
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

/** By sequence the views of those in front that have a prompt to compute, with what the prefix index has for them. */
function lookUp(views: readonly SequenceView[], blocks: BlockManager): Map<number, SequenceView> {
  const front = views
    .filter(({ known, computed }) => known - computed > 1 || computed === 0)
    .slice(0, PROBED_MAX);
  if (front.length === 0) return new Map();
  const { cached, idle, leaders } = blocks.probe(Uint32Array.from(front, ({ sequence }) => sequence));
  return new Map(
    front.map((view, at) => [
      view.sequence,
      {
        ...view,
        computed: cached[at] as number,
        idle: idle[at] as number,
        leader: leaders[at] as number,
      },
    ]),
  );
}
