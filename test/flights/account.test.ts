import { expect, test } from 'vitest';
import { accountLines, accountOf, unexplained } from '../../examples/flights/account.ts';
import type { JobMetrics } from '../../ts/index.ts';

const counters = (subtask: number, uid: string, values: Record<string, number>) => ({
  uid,
  name: `window(${uid})`,
  subtask,
  counters: values,
});

const metrics: JobMetrics = {
  operators: [
    counters(1, 'delays', {
      rowsInWindows: 60,
      rowsLate: 5,
      rowsLateForSome: 3,
      rowsInNoWindow: 0,
      windowsFired: 20,
    }),
    counters(2, 'delays', {
      rowsInWindows: 30,
      rowsLate: 1,
      rowsInNoWindow: 2,
      windowsFired: 10,
      updates: 4,
    }),
    counters(1, 'network', { rowsInWindows: 97, rowsLate: 0, windowsFired: 1 }),
  ],
  channels: [],
  exportedBytes: 0,
  threads: 0,
  watermark: null,
  // Of an earlier run, up to the checkpoint that this one went on from.
  before: [
    { uid: 'source', counters: { sourceRows: 20 } },
    { uid: 'delays', counters: { rowsInWindows: 15, rowsLate: 5, rowsLateForSome: 1, windowsFired: 7 } },
    { uid: 'network', counters: { rowsInWindows: 20, windowsFired: 2 } },
  ],
  rowsIn: 120,
  rowsOut: 36,
  rowsLate: 11,
  rowsLateForSome: 4,
  // Of those that are late: counted there too.
  rowsLateAfterClose: 1,
  rowsInNoWindow: 2,
  dropped: { nullTime: 2 },
  windowsFired: 40,
  disorder: [],
  warnings: [],
  checkpoints: { completed: 0, failed: 0, retireFailures: 0, last: null },
};

test('subtasks and earlier runs are added up, and the two tables are kept apart', () => {
  const account = accountOf(metrics, 'delays');
  expect(account).toMatchObject({
    read: 120,
    inSomeWindow: 105,
    lateForAll: 11,
    lateForSome: 4,
    windowsFired: 37,
    updates: 4,
  });
  expect(unexplained(account)).toBe(0);
  expect(accountLines(account)).toContainEqual([2, 'dropped: nullTime']);
  expect(accountLines(account)).toContainEqual([
    105,
    'in at least one window (4 of them late for some of theirs)',
  ]);
});

test('a row too few or too many is seen', () => {
  expect(unexplained(accountOf(metrics, 'network'))).toBe(1);
  expect(unexplained({ ...accountOf(metrics, 'delays'), inSomeWindow: 106 })).toBe(-1);
});
