import { describe, expect, it } from 'vitest';
import { Batch } from '../arrow/batch.ts';
import { encodeRows } from '../arrow/rows.ts';
import type { Field } from '../plan/generated.ts';
import type { HostMap } from './hosts.ts';
import { callMap, type Mapped } from './map-call.ts';

const input: Field[] = [{ name: 'a', data: { type: 'f64' }, nullable: false }];
const output: Field[] = [{ name: 'b', data: { type: 'utf8' }, nullable: false }];
const rows = [{ a: 1 }, { a: 2 }, { a: 3 }];
const batch = new Batch(input, 3, encodeRows(input, rows));

function call(
  form: HostMap['form'],
  mode: HostMap['mode'],
  fn: (given: never) => unknown,
): Mapped | Promise<Mapped> {
  return callMap(
    { kind: 'map', input, output, timeoutMs: 1000, form, mode, call: fn } as unknown as HostMap,
    batch,
  );
}
const result = ({ chunk, parents }: Mapped) => ({
  b: new Batch(output, chunk.numRows, chunk.columns).rows().map((row) => row.b),
  parents: parents && [...parents],
});

describe('a function', () => {
  it('by row runs in one step when it returns no promise', () => {
    const mapped = call('row', 'map', ({ a }: { a: number }) => ({ b: `${a}` })) as Mapped;
    expect(result(mapped)).toEqual({ b: ['1', '2', '3'], parents: null });
  });

  it('by row may return promises, for some rows or all', async () => {
    const mapped = await call('row', 'map', ({ a }: { a: number }) => {
      return a === 2 ? Promise.resolve({ b: 'later' }) : { b: 'now' };
    });
    expect(result(mapped).b).toEqual(['now', 'later', 'now']);
  });

  it('by batch sees columns and returns columns', () => {
    const mapped = call('batch', 'map', (given: Batch<{ a: number }>) => {
      return { b: Array.from(given.column('a').values, String) };
    }) as Mapped;
    expect(result(mapped).b).toEqual(['1', '2', '3']);
  });

  it('that is a flat map names the input row of each output row', async () => {
    const repeat = ({ a }: { a: number }) => Array.from({ length: a - 1 }, () => ({ b: `${a}` }));
    expect(result(call('row', 'flatMap', repeat) as Mapped)).toEqual({
      b: ['2', '3', '3'],
      parents: [1, 2, 2],
    });
    const later = await call('batch', 'flatMap', async () => ({ rows: [{ b: 'x' }], parents: [2] }));
    expect(result(later)).toEqual({ b: ['x'], parents: [2] });
  });

  const wrong: [HostMap['form'], HostMap['mode'], () => unknown, string][] = [
    ['row', 'map', () => ({ b: 1 }), "row 0: column 'b' should be a string, got the number 1"],
    ['row', 'map', () => undefined, 'row 0: should be an object, got undefined'],
    ['row', 'flatMap', () => ({ b: 'x' }), 'row 0: a flat map returns rows to iterate over, got an object'],
    ['batch', 'map', () => [{ b: 'x' }], 'one row for each of the 3 rows it is given, got 1'],
    ['batch', 'map', () => null, 'expected rows, got null'],
    ['batch', 'map', () => ({ c: [1, 2, 3] }), "column 'b' should be an array of values, got undefined"],
    ['batch', 'flatMap', () => [{ b: 'x' }], 'returns { rows, parents }, got a value of class Array'],
    [
      'batch',
      'flatMap',
      () => ({ rows: [{ b: 'x' }], parents: [] }),
      'a parent for each row, got 0 for 1 rows',
    ],
    ['batch', 'flatMap', () => ({ rows: [{ b: 'x' }], parents: [3] }), 'row 0: its parent should be'],
    [
      'batch',
      'flatMap',
      () => ({ rows: [{ b: 'x' }, { b: 'y' }], parents: [1, 0] }),
      'row 1: its parent should be',
    ],
  ];
  it.each(wrong)('with the wrong shape is told so: %s %s %s', (form, mode, fn, text) => {
    expect(() => call(form, mode, fn)).toThrow(text);
  });

  it('that throws part of the way leaves no rejection behind', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', note);
    const fn = ({ a }: { a: number }) => {
      if (a === 2) throw new Error('second row');
      return Promise.reject(new Error('first row'));
    };
    expect(() => call('row', 'map', fn)).toThrow('second row');
    await new Promise((resolve) => setTimeout(resolve, 10));
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
  });
});
