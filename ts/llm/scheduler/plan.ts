import type { Policy, RunCost, SchedulerLimits, SchedulerState, StepPlan } from './step-plan.ts';
export function plan(
  state: SchedulerState,
  limits: SchedulerLimits,
  _cost: RunCost,
  _policy: Policy,
): StepPlan {
  const decode = state.started
    .filter((s) => s.held > 0 && s.known - s.computed === 1)
    .map((s) => ({ sequence: s.sequence, count: 1 }));
  let budget = limits.maxNumBatchedTokens - decode.length;
  let seats = limits.maxNumSeqs - state.started.reduce((n, s) => n + s.choices, 0);
  const prefill: { sequence: number; count: number }[][] = [];
  const take = (s: (typeof state.started)[number]) => {
    const count = Math.min(budget, s.known - s.computed);
    if (count <= 0) return;
    budget -= count;
    prefill.push([{ sequence: s.sequence, count }]);
  };
  for (const s of state.started) if (!(s.held > 0 && s.known - s.computed === 1) && s.leader === 0) take(s);
  let free = state.free;
  for (const s of state.waiting) {
    if (s.leader !== 0) continue;
    if (seats < s.choices) break;
    const need = Math.ceil(s.known / 16);
    if (need > free) break;
    free -= need;
    seats -= s.choices;
    take(s);
  }
  return { runs: [...(decode.length ? [decode] : []), ...prefill] };
}
