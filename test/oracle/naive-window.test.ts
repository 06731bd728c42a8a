import { describe, expect, test } from 'vitest';
import { keyText, naiveWindows, type WindowResult, type WindowSpec, windowStarts } from './naive-window.ts';

/** An id, an event time, and a key. */
type Row = readonly [id: string, at: number | null, key?: unknown];

function evaluate(rows: readonly Row[], spec: Partial<WindowSpec<Row, string>>) {
  return evaluatePartitions([rows], spec);
}

/** The result of a window is the ids of its rows, so that a test reads which rows were in it. */
function evaluatePartitions(partitions: readonly (readonly Row[])[], spec: Partial<WindowSpec<Row, string>>) {
  const run = naiveWindows(partitions, {
    time: ([, at]) => (at === null ? null : BigInt(at)),
    key: ([, , key]) => [key === undefined ? 'k' : key],
    size: 10n,
    slide: 10n,
    lag: 0n,
    lateness: 0n,
    aggregate: (rows) => rows.map(([id]) => id).join(''),
    ...spec,
  });
  const line = (window: WindowResult<string>) => `${window.key.join()}@${window.start} ${window.result}`;
  return {
    first: run.firstResults.map(line).sort(),
    final: run.finalResults.map(line).sort(),
    changelog: run.changelog.map((change) => `${change.op} ${line(change)}`),
    late: run.late.map(({ row: [id], lateness }) => `${id} ${lateness}`),
    account: run.account,
  };
}

describe('the windows of a time', () => {
  const starts = (time: bigint, size: bigint, slide: bigint, offset = 0n) =>
    windowStarts(time, { size, slide, offset });

  test('are half-open and aligned to the epoch, before it too', () => {
    expect(starts(9n, 10n, 10n)).toEqual([0n]);
    expect(starts(10n, 10n, 10n)).toEqual([10n]);
    expect(starts(-1n, 10n, 10n)).toEqual([-10n]);
    expect(starts(-10n, 10n, 10n)).toEqual([-10n]);
  });
  test('overlap when they slide by less than their size, dividing it or not', () => {
    expect(starts(25n, 10n, 5n)).toEqual([20n, 25n]);
    expect(starts(24n, 10n, 4n)).toEqual([16n, 20n, 24n]);
    expect(starts(23n, 10n, 4n)).toEqual([16n, 20n]);
    expect(starts(-1n, 10n, 4n)).toEqual([-8n, -4n]);
  });
  test('leave gaps when they slide by more than their size', () => {
    expect(starts(19n, 5n, 10n)).toEqual([]);
    expect(starts(14n, 5n, 10n)).toEqual([10n]);
    expect(starts(-6n, 5n, 10n)).toEqual([-10n]);
    expect(starts(-1n, 5n, 10n)).toEqual([]);
  });
  test('shift by the offset', () => {
    expect(starts(2n, 10n, 10n, 3n)).toEqual([-7n]);
    expect(starts(3n, 10n, 10n, 3n)).toEqual([3n]);
  });
});

test('a row is judged by the maximum of the rows before it, not by its own time', () => {
  // c: L = 12 ≥ 10, late. b moved the maximum but was not late itself.
  const run = evaluate(
    [
      ['a', 1],
      ['b', 12],
      ['c', 9],
      ['d', 11],
    ],
    {},
  );
  expect(run.first).toEqual(['k@0 a', 'k@10 bd']);
  expect(run.late).toEqual(['c 3']);
  expect(run.account).toEqual({
    rowsIn: 4,
    inSomeWindow: 3,
    lateForAll: 1,
    inNoWindow: 0,
    nullTime: 0,
    lateForSome: 0,
    ahead: 0,
  });
});

test('a row is late exactly from L = end on', () => {
  expect(
    evaluate(
      [
        ['a', 9],
        ['b', 5],
      ],
      {},
    ).late,
  ).toEqual([]);
  expect(
    evaluate(
      [
        ['a', 10],
        ['b', 5],
      ],
      {},
    ).late,
  ).toEqual(['b 5']);
  expect(
    evaluate(
      [
        ['a', 12],
        ['b', 5],
      ],
      { lag: 3n },
    ).late,
  ).toEqual([]);
  expect(
    evaluate(
      [
        ['a', 13],
        ['b', 5],
      ],
      { lag: 3n },
    ).late,
  ).toEqual(['b 5']);
});

test('a row late for some of its windows counts in the others', () => {
  // b at 8 falls into [0, 10) and [5, 15); L = 12 closes the first only.
  const run = evaluate(
    [
      ['a', 12],
      ['b', 8],
    ],
    { slide: 5n },
  );
  expect(run.first).toEqual(['k@10 a', 'k@5 ab']);
  expect(run.late).toEqual([]);
  expect(run.account).toMatchObject({ inSomeWindow: 2, lateForAll: 0, lateForSome: 1 });
});

test('a row in a gap between windows is in no window and never late', () => {
  const run = evaluate(
    [
      ['a', 100],
      ['b', 7],
      ['c', 2],
    ],
    { size: 5n, slide: 10n },
  );
  expect(run.account).toMatchObject({ inSomeWindow: 1, inNoWindow: 1, lateForAll: 1 });
  expect(run.late).toEqual(['c 98']);
});

test('a row without event time is dropped, counted, and moves nothing', () => {
  const run = evaluate(
    [
      ['a', null],
      ['b', 20],
      ['c', null],
      ['d', 5],
    ],
    {},
  );
  expect(run.first).toEqual(['k@20 b']);
  expect(run.late).toEqual(['d 15']);
  expect(run.account).toMatchObject({ rowsIn: 4, nullTime: 2, inSomeWindow: 1, lateForAll: 1 });
});

test('a late row within the allowed lateness takes the result back and gives the new one', () => {
  // [0, 10) closes for good at 15: b (L = 10) and c (L = 14) update it, d (L = 15) is late.
  const run = evaluate(
    [
      ['a', 1],
      ['x', 10],
      ['b', 2],
      ['y', 14],
      ['c', 3],
      ['z', 15],
      ['d', 4],
    ],
    { lateness: 5n },
  );
  expect(run.first).toEqual(['k@0 a', 'k@10 xyz']);
  expect(run.changelog.filter((line) => line.includes('@0 '))).toEqual([
    '+I k@0 a',
    '-U k@0 a',
    '+U k@0 ab',
    '-U k@0 ab',
    '+U k@0 abc',
  ]);
  expect(run.final).toEqual(['k@0 abc', 'k@10 xyz']);
  expect(run.late).toEqual(['d 11']);
});

test('a window that only ever held late rows begins with an insert', () => {
  const run = evaluate(
    [
      ['x', 10],
      ['b', 2],
      ['c', 3],
    ],
    { lateness: 5n },
  );
  expect(run.first).toEqual(['k@10 x']);
  expect(run.changelog.filter((line) => line.includes('@0 '))).toEqual(['+I k@0 b', '-U k@0 b', '+U k@0 bc']);
});

test('one late row updates each fired window that still takes it', () => {
  // b at 8, L = 13: [0, 10) fired and open until 15, [5, 15) not fired yet.
  const run = evaluate(
    [
      ['a', 6],
      ['x', 13],
      ['b', 8],
    ],
    { slide: 5n, lateness: 5n },
  );
  expect(run.changelog).toEqual(['+I k@0 a', '-U k@0 a', '+U k@0 ab', '+I k@5 axb', '+I k@10 x']);
});

test('each partition has its own row watermark', () => {
  const run = evaluatePartitions(
    [
      [['a', 50]],
      [
        ['b', 3],
        ['c', 20],
        ['d', 4],
      ],
    ],
    {},
  );
  expect(run.first).toEqual(['k@0 b', 'k@20 c', 'k@50 a']);
  expect(run.late).toEqual(['d 16']);
});

test('a row too far ahead keeps its place but does not move the maximum', () => {
  const run = evaluate(
    [
      ['a', 1],
      ['f', 99],
      ['b', 2],
      ['g', 31],
      ['c', 3],
    ],
    { maxAhead: 30n },
  );
  expect(run.first).toEqual(['k@0 ab', 'k@30 g', 'k@90 f']);
  expect(run.late).toEqual(['c 28']);
  expect(run.account).toMatchObject({ ahead: 1, lateForAll: 1 });
});

test('keys are equal by type and value', () => {
  expect(keyText([-0])).toBe(keyText([0]));
  expect(keyText([Number.NaN])).toBe(keyText([Number.NaN]));
  expect(keyText([null])).toBe(keyText([undefined]));
  expect(keyText([1])).not.toBe(keyText([1n]));
  expect(keyText(['1'])).not.toBe(keyText([1]));
  expect(keyText(['a', 'b'])).not.toBe(keyText(['a,b']));
  expect(keyText(['null'])).not.toBe(keyText([null]));
});

test('rows of different keys do not meet, but share the row watermark', () => {
  const run = evaluate(
    [
      ['a', 1, 'p'],
      ['b', 12, 'q'],
      ['c', 2, 'p'],
      ['d', 13, null],
    ],
    {},
  );
  expect(run.first).toEqual(['@10 d', 'p@0 a', 'q@10 b']);
  expect(run.late).toEqual(['c 10']);
});
