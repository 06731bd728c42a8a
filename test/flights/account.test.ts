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
  rowsIn: 100,
  rowsOut: 36,
  rowsLate: 6,
  rowsLateForSome: 3,
  rowsLateAfterClose: 0,
  rowsInNoWindow: 2,
  dropped: { nullTime: 2 },
  windowsFired: 31,
  disorder: [],
  warnings: [],
  checkpoints: { completed: 0, failed: 0, retireFailures: 0, last: null },
};

test('subtasks are added up, and the two tables are kept apart', () => {
  const account = accountOf(metrics, 'delays');
  expect(account).toMatchObject({
    read: 100,
    inSomeWindow: 90,
    lateForAll: 6,
    lateForSome: 3,
    windowsFired: 30,
    updates: 4,
  });
  expect(unexplained(account)).toBe(0);
  expect(accountLines(account)).toContainEqual([2, 'dropped: nullTime']);
  expect(accountLines(account)).toContainEqual([
    90,
    'in at least one window (3 of them late for some of theirs)',
  ]);
});

test('a row too few or too many is seen', () => {
  expect(unexplained(accountOf(metrics, 'network'))).toBe(1);
  expect(unexplained({ ...accountOf(metrics, 'delays'), inSomeWindow: 91 })).toBe(-1);
});
