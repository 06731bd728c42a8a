/**
 * In which order sequences are served, and who gives way when blocks run out. A policy is a comparison of what the state says of
 * two sequences; one that needs to know more (a tenant's share, a deadline) adds it to the view.
 */
import type { Policy, SequenceView } from './step-plan.ts';

/** First come, first served. */
export const fcfs: Policy = (a, b) => a.arrival - b.arrival;

/** The higher priority first; of equals, the one that came first. */
export const priority: Policy = (a, b) => b.priority - a.priority || a.arrival - b.arrival;

/** The policies by their names. */
export const POLICIES = { fcfs, priority } as const satisfies Readonly<Record<string, Policy>>;

export type PolicyName = keyof typeof POLICIES;

/** The policy as a total order: the answers of one request come in the order of their numbers. */
export const totalOrder =
  (policy: Policy): Policy =>
  (a, b) =>
    policy(a, b) || a.arrival - b.arrival || a.sequence - b.sequence;

/**
 * The number of the sequence that loses its blocks when a run is short of some: the last in the policy's order of those that
 * hold blocks; undefined if fewer than two do. As the first in the order is never chosen, it always gets on. O(started).
 */
export function victim(started: readonly SequenceView[], policy: Policy): number | undefined {
  const order = totalOrder(policy);
  const holders = started.filter(({ held }) => held > 0);
  if (holders.length < 2) return undefined;
  return holders.reduce((last, holder) => (order(last, holder) < 0 ? holder : last)).sequence;
}
