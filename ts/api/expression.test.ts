import { describe, expect, test } from 'vitest';
import type { Expr } from '../plan/generated.ts';
import { columnsObject } from './columns.ts';
import { minutes } from './duration.ts';
import type { Bool, CalendarDay, F32, F64, I32, I64, Timestamp, Utf8 } from './expr-types.ts';
import type { Expression } from './expression.ts';
import { coalesce, concat, lit, when } from './functions.ts';
import { at } from './time.ts';
import { fieldsOf, t } from './types.ts';

interface Columns {
  i32: I32;
  i64: I64<null>;
  f32: F32;
  f64: F64;
  text: Utf8;
  flag: Bool;
  time: Timestamp;
  day: CalendarDay;
}
const f = columnsObject<Columns>(
  fieldsOf({
    i32: t.i32(),
    i64: t.i64().nullable(),
    f32: t.f32(),
    f64: t.f64(),
    text: t.utf8(),
    flag: t.bool(),
    time: t.timestamp(),
    day: t.date(),
  }),
);

const nodeOf = (expression: unknown): Expr => (expression as Expression).node;
/** The literal on the right of an operation. */
const right = (expression: unknown): unknown => {
  const node = nodeOf(expression);
  return node.kind === 'binary' && node.right.kind === 'literal' ? node.right.literal : node;
};
const column = (name: string): Expr => ({ kind: 'column', name });

describe('constants take the type of what they stand beside', () => {
  test.each([
    [f.i64.plus(1), { type: 'i64', value: '1' }],
    [f.i64.plus(9_007_199_254_740_993n), { type: 'i64', value: '9007199254740993' }],
    [f.i32.plus(1), { type: 'i32', value: 1 }],
    [f.i32.plus(1n), { type: 'i64', value: '1' }],
    [f.f64.plus(1), { type: 'f64', value: '1' }],
    [f.f64.plus(-0), { type: 'f64', value: '-0' }],
    [f.f64.eq(Number.NaN), { type: 'f64', value: 'NaN' }],
    [f.f64.lt(Number.POSITIVE_INFINITY), { type: 'f64', value: 'inf' }],
    [f.f64.gt(Number.NEGATIVE_INFINITY), { type: 'f64', value: '-inf' }],
    [f.f32.plus(0.5), { type: 'f64', value: '0.5' }],
    [f.text.eq('ORD'), { type: 'utf8', value: 'ORD' }],
    [f.flag.eq(true), { type: 'bool', value: true }],
    [f.time.ge(at('1970-01-02')), { type: 'timestamp', value: '86400000000' }],
    [f.time.ge(new Date(1)), { type: 'timestamp', value: '1000' }],
    [f.time.plus(minutes(1)), { type: 'duration', value: '60000000' }],
    [f.time.minus(f.time).gt(1n), { type: 'duration', value: '1' }],
    [f.time.minus(f.time).times(2), { type: 'i64', value: '2' }],
    [f.time.minus(f.time).times(2n), { type: 'i64', value: '2' }],
    [f.day.eq(11_000), { type: 'date', value: 11_000 }],
    [f.i64.isNotDistinctFrom(null), { type: 'null' }],
    // Behind an operation, its result decides.
    [f.i64.plus(f.f64).gt(1), { type: 'f64', value: '1' }],
    [f.i32.plus(f.i64).gt(1), { type: 'i64', value: '1' }],
    [f.i32.plus(f.i32).gt(1), { type: 'i32', value: 1 }],
    [f.f32.plus(0.5).gt(1), { type: 'f64', value: '1' }],
    [f.i64.cast(t.i32()).gt(1), { type: 'i32', value: 1 }],
    [f.text.length().gt(1), { type: 'i64', value: '1' }],
    [f.i64.sqrt().gt(1), { type: 'f64', value: '1' }],
    [f.day.plus(minutes(1)).ge(0n), { type: 'timestamp', value: '0' }],
    [coalesce(f.i32, 0).gt(1), { type: 'i32', value: 1 }],
    [when(f.flag).then(f.i32).end().gt(1), { type: 'i32', value: 1 }],
  ])('%#', (expression, literal) => {
    expect(right(expression)).toEqual(literal);
  });

  test.each([
    () => f.i64.plus(0.5),
    () => f.i32.plus(2 ** 31),
    () => f.i64.plus(2 ** 53),
    () => f.i64.plus(2n ** 63n),
    () => f.text.eq(undefined as unknown as string),
    () => f.text.eq({} as unknown as string),
    () => f.flag.and((() => true) as unknown as boolean),
    () => f.time.ge(new Date(Number.NaN)),
  ])('or are refused: %s', (build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/HR_TYPE_MISMATCH|HR_OPTION_INVALID/) }),
    );
  });
});

describe('methods become nodes', () => {
  test('operations', () => {
    expect(nodeOf(f.i64.dividedBy(f.i32))).toEqual({
      kind: 'binary',
      op: 'divide',
      left: column('i64'),
      right: column('i32'),
    });
    expect(nodeOf(f.flag.not())).toEqual({ kind: 'unary', op: 'not', arg: column('flag') });
    expect(nodeOf(f.i64.isNull())).toEqual({ kind: 'unary', op: 'isNull', arg: column('i64') });
    expect(nodeOf(f.i64.tryCast(t.utf8()))).toEqual({
      kind: 'cast',
      arg: column('i64'),
      to: { type: 'utf8' },
      safe: true,
    });
  });

  test('calls', () => {
    const call = (fn: string, ...args: unknown[]): unknown => ({ kind: 'call', function: fn, args });
    const text = (value: string): unknown => ({ kind: 'literal', literal: { type: 'utf8', value } });
    const i64 = (value: number): unknown => ({
      kind: 'literal',
      literal: { type: 'i64', value: String(value) },
    });
    expect(nodeOf(f.text.lower())).toEqual(call('lower', column('text')));
    expect(nodeOf(f.text.substring(2))).toEqual(call('substring', column('text'), i64(2)));
    expect(nodeOf(f.text.substring(2, 3))).toEqual(call('substring', column('text'), i64(2), i64(3)));
    expect(nodeOf(f.text.like('O%'))).toEqual(call('like', column('text'), text('O%')));
    expect(nodeOf(concat('a', f.text))).toEqual(call('concat', text('a'), column('text')));
    expect(nodeOf(f.time.micros())).toEqual(call('micros', column('time')));
    expect(nodeOf(f.time.dayOfWeek())).toEqual(call('dayOfWeek', column('time')));
  });

  test('cases', () => {
    const value = when(f.flag).then(1n).when(f.i64.isNull()).then(2).otherwise(f.i64);
    const node = nodeOf(value);
    const branches = node.kind === 'case' ? node.branches.map((branch) => Object.values(branch)) : [];
    const literal = (digits: string): unknown => ({
      kind: 'literal',
      literal: { type: 'i64', value: digits },
    });
    expect(branches).toEqual([
      [column('flag'), literal('1')],
      [nodeOf(f.i64.isNull()), literal('2')],
    ]);
    expect(node).toMatchObject({ kind: 'case', otherwise: column('i64') });
    expect(nodeOf(when(true).then('a').end())).toMatchObject({ otherwise: null });
  });

  test('a long list of values stays shallow', () => {
    const depth = (node: Expr): number =>
      node.kind === 'binary' && node.op === 'or' ? 1 + Math.max(depth(node.left), depth(node.right)) : 0;
    const values = Array.from({ length: 1000 }, (_, index) => index);
    expect(depth(nodeOf(f.i64.isIn(...values)))).toBe(10);
    expect(nodeOf(f.i64.isIn(7))).toEqual(nodeOf(f.i64.eq(7)));
    expect(nodeOf(f.i64.isIn())).toEqual({ kind: 'literal', literal: { type: 'bool', value: false } });
  });

  test('a constant beyond the range of f32 does not stand beside one', () => {
    expect(right(f.f32.plus(0.1))).toEqual({ type: 'f64', value: '0.1' });
    expect(() => f.f32.plus(1e300)).toThrow(/HR_TYPE_MISMATCH: 1e\+300 is beyond the range of f32/);
    expect(right(f.f32.lt(Number.POSITIVE_INFINITY))).toEqual({ type: 'f64', value: 'inf' });
  });

  test('constants of a declared type', () => {
    // Behind a cast, because a bare number would adapt to what it stands beside.
    const typed = (literal: object, to: object) => {
      return { kind: 'cast', arg: { kind: 'literal', literal }, to, safe: false };
    };
    expect(nodeOf(lit(1))).toEqual(typed({ type: 'f64', value: '1' }, { type: 'f64' }));
    expect(nodeOf(lit(1, t.i32()))).toEqual(typed({ type: 'i32', value: 1 }, { type: 'i32' }));
    expect(nodeOf(lit(null, t.utf8().nullable()))).toEqual({
      kind: 'cast',
      arg: { kind: 'literal', literal: { type: 'null' } },
      to: { type: 'utf8' },
      safe: false,
    });
  });
});
