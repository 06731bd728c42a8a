/** Values in the forms that users write them, and what does not fit. */
import { describe, expect, it } from 'vitest';
import type { DataType, Field } from '../plan/generated.ts';
import { ArenaPool } from './arena-pool.ts';
import { Batch } from './batch.ts';
import { concatChunks } from './concat.ts';
import { encodeValues } from './encode.ts';
import { encodeRows, type Row } from './rows.ts';
import { ShapeError } from './shape-error.ts';
import { toChunks } from './to-arrays.ts';

function batchOf(fields: readonly Field[], rows: unknown): Batch {
  const { numRows, columns } = concatChunks(fields, toChunks(fields, rows));
  return new Batch(fields, numRows, columns);
}

const field = (name: string, data: DataType, nullable = false): Field => ({ name, data, nullable });

const GOOD: Partial<Record<DataType['type'], unknown>> = {
  bool: true,
  i32: 1,
  i64: 1n,
  f64: 1,
  utf8: 'a',
  binary: new Uint8Array(1),
  timestamp: 1n,
  date: 1,
  duration: 1n,
};

describe('values', () => {
  const wrong: [DataType['type'], unknown, string][] = [
    ['bool', 1, 'should be true or false, got the number 1'],
    ['i32', 1.5, 'should be an integer of 32 bits, got the number 1.5'],
    ['i32', 2 ** 31, 'should be an integer of 32 bits'],
    ['i64', '1', 'should be a bigint (or a safe integer), got the string "1"'],
    ['i64', 2 ** 53, 'should be a bigint'],
    ['i64', 2n ** 63n, 'within 64 bits, got the bigint 9223372036854775808n'],
    ['f64', 1n, 'should be a number, got the bigint 1n'],
    ['f64', '', 'should be a number, got the string ""'],
    ['utf8', 5, 'should be a string, got the number 5'],
    ['utf8', 'a\ud800', 'should be well-formed Unicode'],
    ['binary', [1], 'should be a Uint8Array, got a value of class Array'],
    ['timestamp', 5, 'should be a bigint of microseconds since the epoch, or a Date, got the number 5'],
    ['timestamp', new Date(Number.NaN), 'got a value of class Date'],
    ['date', new Date(1), 'should be a number of days or a Date'],
    ['duration', 1, 'should be a bigint of microseconds, got the number 1'],
    ['f64', null, 'is null, but it is not declared nullable'],
    ['f64', undefined, 'is undefined, but it is not declared nullable'],
    ['f64', () => 1, 'got a function'],
  ];
  it.each(wrong)('that do not fit are refused: %s, %s', (type, value, text) => {
    const fields = [field('x', { type } as DataType)];
    const rows = [GOOD[type], GOOD[type], value].map((x) => ({ x }));
    expect(() => encodeRows(fields, rows)).toThrow(ShapeError);
    expect(() => encodeRows(fields, rows)).toThrow("row 2: column 'x'");
    expect(() => encodeRows(fields, rows)).toThrow(text);
  });

  it('inside lists and structs are named with the way to them', () => {
    const stops: DataType = {
      type: 'list',
      item: { type: 'struct', fields: [field('gate', { type: 'i32' })] },
    };
    const fields = [field('route', { type: 'struct', fields: [field('stops', stops)] })];
    const row = (gate: unknown) => ({ route: { stops: [{ gate: 1 }, { gate }] } });
    expect(() => encodeRows(fields, [row(1), row('B')])).toThrow(
      "row 1: column 'route.stops[].gate' should be",
    );
    expect(() => encodeRows(fields, [row(1), { route: 5 }])).toThrow(
      "row 1: column 'route' should be an object",
    );
  });

  it('of a null struct are null, whatever its members are declared as', () => {
    const fields = [field('s', { type: 'struct', fields: [field('a', { type: 'i64' })] }, true)];
    const rows = [{ s: null }, { s: { a: 1n } }];
    expect(batchOf(fields, rows).rows()).toEqual(rows);
    expect(() => encodeRows(fields, [{ s: null }, { s: {} }])).toThrow("row 1: column 's.a' is undefined");
  });

  it('may be written shorter where nothing is lost', () => {
    const fields = [
      field('n', { type: 'i64' }),
      field('t', { type: 'timestamp' }),
      field('d', { type: 'date' }),
      field('o', { type: 'f64' }, true),
    ];
    const rows = batchOf(fields, [
      { n: 5, t: new Date(1), d: new Date(86_400_000), extra: 'left out' },
    ]).rows();
    expect(rows).toEqual([{ n: 5n, t: 1000n, d: 1, o: null }]);
  });

  it('come as typed arrays too, without a copy', () => {
    const values = Float64Array.of(1, 2);
    expect(encodeValues(field('a', { type: 'f64' }), values).buffers[0]?.buffer).toBe(values.buffer);
    const fields = [field('a', { type: 'f64' }), field('b', { type: 'i32' })];
    expect(batchOf(fields, { a: values, b: [3, 4] }).rows()).toEqual([
      { a: 1, b: 3 },
      { a: 2, b: 4 },
    ]);
    expect(() => batchOf(fields, { a: values, b: [3] })).toThrow("column 'b' has 1 values, but 'a' has 2");
    expect(() => batchOf(fields, { a: values })).toThrow(
      "column 'b' should be an array of values, got undefined",
    );
  });

  it('that are no rows at all are refused', () => {
    const fields = [field('a', { type: 'f64' })];
    expect(() => toChunks(fields, undefined)).toThrow('expected rows, got undefined');
    expect(() => toChunks(fields, [1 as unknown as Row])).toThrow(
      'row 0: should be an object, got the number 1',
    );
  });

  it('of a batch of ours are taken over, or converted', () => {
    const batch = batchOf([field('a', { type: 'i32' }), field('b', { type: 'utf8' })], [{ a: 1, b: 'x' }]);
    expect(batchOf([field('b', { type: 'utf8' })], batch).rows()).toEqual([{ b: 'x' }]);
    expect(batchOf([field('a', { type: 'i64' })], batch).rows()).toEqual([{ a: 1n }]);
    expect(() => batchOf([field('c', { type: 'i64' })], batch)).toThrow("column 'c' is missing");
  });
});

describe('the arena pool', () => {
  it('hands out arenas again, and keeps only so many', () => {
    const pool = new ArenaPool();
    const first = pool.take(100_000);
    expect(first.length).toBe(131_072);
    pool.give(first);
    expect(pool.take(200_000)).not.toBe(first);
    expect(pool.take(131_072)).toBe(first);
    const many = Array.from({ length: 20 }, () => pool.take(1));
    for (const arena of many) pool.give(arena);
    const again = Array.from({ length: 20 }, () => pool.take(1));
    expect(again.filter((arena) => many.includes(arena))).toHaveLength(8);
  });
});
