import type { Policy, SequenceView } from './step-plan.ts';
export type PolicyName = 'fcfs' | 'priority';
export const POLICIES: Record<PolicyName, Policy> = {
  fcfs: (a, b) => a.arrival - b.arrival || a.sequence - b.sequence,
  priority: (a, b) => b.priority - a.priority || a.arrival - b.arrival,
};
export function victim(started: readonly SequenceView[], policy: Policy): number | undefined {
  return [...started]
    .filter((s) => s.held > 0)
    .sort(policy)
    .at(-1)?.sequence;
}
