/** `explain()`: what a pipeline will run, before it runs. */
import { checkReplayable } from '../plan/delivery.ts';
import { type Explanation, explainPlan, renderExplanation } from '../plan/explain.ts';
import { lower } from '../plan/lower.ts';
import { compilePlan } from './native.ts';
import type { Output } from './output.ts';

/** How the explained job would be run. */
export interface ExplainOptions {
  /** Subtasks of each keyed operator; 1 by default. */
  readonly parallelism?: number;
  /** Whether it would have checkpoints: true, false, or the options themselves. True by default. */
  readonly checkpoint?: unknown;
}

/** An explanation that prints as text and serialises as JSON. */
export interface PrintableExplanation extends Explanation {
  toString(): string;
}

/**
 * Explains the plan, its chaining, its exchanges and what each way from a source to a sink guarantees:
 * `console.log(String(explain(outputs)))`.
 *
 * Throws what running it would throw before the first row: `HR_TYPE_MISMATCH`, `HR_NO_EVENT_TIME` and the like, and with
 * checkpoints asked for `HR_NOT_REPLAYABLE`.
 */
export function explain(
  outputs: Output | readonly Output[],
  options: ExplainOptions = {},
): PrintableExplanation {
  const { parallelism = 1, checkpoint } = options;
  const { plan } = lower(outputs);
  const asked = checkpoint !== undefined && checkpoint !== false && checkpoint !== null;
  if (asked) checkReplayable(plan);
  const compiled = compilePlan(plan, { parallelism });
  const explanation = explainPlan(plan, compiled, checkpoint === undefined || asked);
  // Not enumerable, so that JSON and inspection show the data alone.
  const text = { value: () => renderExplanation(explanation) };
  return Object.defineProperty({ ...explanation }, 'toString', text) as PrintableExplanation;
}
