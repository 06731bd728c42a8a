/** What goes into a step, case by case. */
import { expect, test } from 'vitest';
import { plan } from './plan.ts';
import { fcfs, priority, victim } from './policy.ts';
import type { Policy, SchedulerLimits, SchedulerState, SequenceView, StepPlan } from './step-plan.ts';

const LIMITS: SchedulerLimits = {
  ...{
    maxNumSeqs: 8,
    maxNumBatchedTokens: 64,
    blockTokens: 16,
    watermark: 2,
    maxRunCells: 1_000_000,
    maxChunkTokens: 1_000,
  },
};

function view(sequence: number, known: number, more: Partial<SequenceView> = {}): SequenceView {
  return {
    ...{
      sequence,
      arrival: sequence,
      priority: 0,
      known,
      computed: 0,
      held: 0,
      idle: 0,
      leader: 0,
      choices: 1,
    },
    ...more,
  };
}

/** One that generates: all but the last of its tokens are computed, in blocks that are full or nearly so. */
const generating = (sequence: number, known: number, more: Partial<SequenceView> = {}) =>
  view(sequence, known, { computed: known - 1, held: Math.ceil((known - 1) / 16), ...more });

/** The rows of a plan, whatever the runs. */
function rows(state: Partial<SchedulerState>, limits: Partial<SchedulerLimits> = {}, policy: Policy = fcfs) {
  const whole = { waiting: [], started: [], free: 100, ...state };
  const planned: StepPlan = plan(whole, { ...LIMITS, ...limits }, () => 1, policy);
  return planned.runs.flat().map(({ sequence, count }) => [sequence, count]);
}

test('sequences that generate come first, then prompts that have begun, then others, as far as the tokens reach', () => {
  const started = [view(3, 100, { computed: 32, held: 2 }), generating(2, 50), generating(4, 20)];
  expect(rows({ waiting: [view(1, 10)], started })).toEqual([
    [2, 1],
    [4, 1],
    // 62 tokens are left, and 48 are whole blocks.
    [3, 48],
    [1, 10],
  ]);
});

test('a chunk ends with a block, unless the prompt does or there is less than a block of tokens left', () => {
  expect(rows({ started: [view(1, 100, { computed: 20, held: 2 })] }, { maxNumBatchedTokens: 50 })).toEqual([
    [1, 44],
  ]);
  expect(rows({ started: [view(1, 60, { computed: 20, held: 2 })] }, { maxNumBatchedTokens: 50 })).toEqual([
    [1, 40],
  ]);
  expect(rows({ started: [view(1, 100, { computed: 20, held: 2 })] }, { maxNumBatchedTokens: 5 })).toEqual([
    [1, 5],
  ]);
});

test('a long prompt is cut into chunks of about the same size', () => {
  const counts = (known: number, limits: Partial<SchedulerLimits> = {}) => {
    const found: number[] = [];
    for (let computed = 0; computed < known; computed += found.at(-1) as number) {
      const held = computed / 16;
      const state =
        computed === 0 ? { waiting: [view(1, known)] } : { started: [view(1, known, { computed, held })] };
      const some = { maxNumBatchedTokens: 512, maxChunkTokens: 256, ...limits };
      found.push(rows(state, some)[0]?.[1] as number);
    }
    return found;
  };
  expect(counts(256)).toEqual([256]);
  expect(counts(257)).toEqual([144, 113]);
  expect(counts(528)).toEqual([176, 176, 176]);
  expect(counts(530)).toEqual([192, 176, 162]);
  expect(counts(528, { maxChunkTokens: 512 })).toEqual([272, 256]);
  expect(counts(528, { maxNumBatchedTokens: 64 }).slice(0, 2)).toEqual([64, 64]);
});

test('a chunk of a prompt is no larger than a run may be', () => {
  // 16 tokens in a context of 1,024; 17 would need 1,040, and are not a whole block.
  const started = [view(1, 2000, { computed: 1008, held: 63 })];
  expect(rows({ started }, { maxRunCells: 16 * 1024 })).toEqual([[1, 15]]);
  expect(rows({ started }, { maxRunCells: 16 * 1040 })).toEqual([[1, 16]]);
  expect(rows({ started }, { maxRunCells: 10 })).toEqual([[1, 1]]);
});

test('a prompt that has begun goes on as far as there are free blocks', () => {
  const started = [generating(1, 17), view(2, 100, { computed: 16, held: 1 })];
  expect(rows({ started, free: 3 })).toEqual([
    [1, 1],
    [2, 32],
  ]);
  expect(rows({ started, free: 1 })).toEqual([[1, 1]]);
});

test('if blocks are missing for sequences that generate, they are asked for, and for nothing else', () => {
  const started = [generating(1, 17), generating(2, 33), view(3, 100, { computed: 20, held: 2 })];
  expect(rows({ started, waiting: [view(4, 1)], free: 1 })).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

test('whoever is admitted leaves the watermark free, and what those with blocks still need', () => {
  const waiting = [view(9, 33)];
  // Three blocks for it and two to stay free.
  const started = [generating(1, 20)];
  expect(rows({ waiting, started, free: 5 })).toContainEqual([9, 33]);
  expect(rows({ waiting, started, free: 4 })).not.toContainEqual([9, 33]);
  // The other needs four more for its prompt, though not in this step.
  const long = [view(1, 96, { computed: 32, held: 2 })];
  expect(rows({ waiting, started: long, free: 9 }, { maxNumBatchedTokens: 64 })).toEqual([[1, 64]]);
  expect(rows({ waiting, started: long, free: 9 }, { maxNumBatchedTokens: 99 })).toContainEqual([9, 33]);
  expect(rows({ waiting, started: long, free: 8 }, { maxNumBatchedTokens: 99 })).not.toContainEqual([9, 33]);
  // Alone it needs no more than its own.
  expect(rows({ waiting, free: 3 })).toEqual([[9, 33]]);
});

test('answers need a block each', () => {
  const started = [generating(1, 20)];
  const waiting = [view(9, 33, { choices: 3 })];
  expect(rows({ waiting, started, free: 7 })).toContainEqual([9, 33]);
  expect(rows({ waiting, started, free: 6 })).not.toContainEqual([9, 33]);
});

test('blocks that are found count if they are free now', () => {
  const started = [generating(1, 20)];
  const found = (idle: number) => [view(9, 40, { computed: 32, idle })];
  expect(rows({ waiting: found(0), started, free: 3 })).toContainEqual([9, 8]);
  expect(rows({ waiting: found(2), started, free: 4 })).not.toContainEqual([9, 8]);
  expect(rows({ waiting: found(2), started, free: 5 })).toContainEqual([9, 8]);
});

test('one that cannot be admitted is not overtaken, but one that waits for a leader is', () => {
  const started = [generating(1, 20)];
  expect(rows({ started, waiting: [view(2, 60), view(3, 4)], free: 5 })).toEqual([[1, 1]]);
  expect(rows({ started, waiting: [view(2, 60, { leader: 1 }), view(3, 4)], free: 5 })).toEqual([
    [1, 1],
    [3, 4],
  ]);
});

test('answers count among the sequences, and so do those that were preempted', () => {
  const started = [generating(1, 20), view(2, 20)];
  expect(rows({ started, waiting: [view(3, 4, { choices: 2 }), view(4, 4)] }, { maxNumSeqs: 4 })).toEqual([
    [1, 1],
    [2, 20],
    [3, 4],
  ]);
  // What was preempted has its place already.
  expect(rows({ started, waiting: [view(0, 4, { choices: 2 }), view(4, 4)] }, { maxNumSeqs: 3 })).toEqual([
    [1, 1],
    [2, 20],
  ]);
});

test('the policy orders each kind', () => {
  const started = [generating(1, 20), generating(2, 20, { priority: 5 }), view(3, 4)];
  const waiting = [view(4, 4, { priority: 1 }), view(5, 4), view(6, 4, { priority: 7 })];
  expect(rows({ started, waiting }, {}, priority)).toEqual(
    [2, 1, 6, 4, 3, 5].map((id) => [id, id < 3 ? 1 : 4]),
  );
  expect(rows({ started, waiting })).toEqual([1, 2, 3, 4, 5, 6].map((id) => [id, id < 3 ? 1 : 4]));
});

test('a prompt that others wait for is as urgent as they are', () => {
  const begun = (sequence: number, more: Partial<SequenceView>) =>
    view(sequence, 200, { computed: 16, held: 1, ...more });
  const started = [begun(1, {}), begun(2, { priority: 5 }), begun(3, { leader: 1 })];
  const waiting = [view(4, 100, { priority: 9, leader: 3 })];
  expect(rows({ started }, {}, priority)).toEqual([[2, 64]]);
  expect(rows({ started, waiting }, {}, priority)).toEqual([[1, 64]]);
});

test('something always runs if there is anything', () => {
  // Nothing is free, and nobody generates.
  const stuck = [view(2, 100, { computed: 32, held: 2 }), view(1, 90, { computed: 32, held: 2, leader: 2 })];
  expect(rows({ started: stuck, free: 0 })).toEqual([[2, 64]]);
  // An answer each in a block of its own would not fit, but they are not all needed at once.
  expect(rows({ waiting: [view(1, 40, { choices: 8 })], free: 4 })).toEqual([[1, 40]]);
  expect(rows({})).toEqual([]);
});

test('the last in the order is preempted, of those that hold blocks, and never the only one', () => {
  const started = [generating(2, 20), generating(3, 20, { priority: 1 }), view(4, 9), generating(1, 20)];
  expect(victim(started, fcfs)).toBe(3);
  expect(victim(started, priority)).toBe(2);
  expect(victim([generating(1, 20), view(4, 9)], fcfs)).toBeUndefined();
  // Answers of one request.
  const answers = [generating(8, 20, { arrival: 1 }), generating(7, 20, { arrival: 1 })];
  expect(victim(answers, fcfs)).toBe(8);
});
