/** Expressions that do not begin with a column: constants, `when`, `coalesce`, `concat`. */
import type { DataType, Expr, WhenThen } from '../plan/generated.ts';
import type {
  AnyExpr,
  Binary,
  Bool,
  BoolOperand,
  Checked,
  F64,
  I64,
  NullOf,
  Plain,
  Scalar,
  TextOperand,
  Timestamp,
  Utf8,
  WithNull,
} from './expr-types.ts';
import { call, Expression, operand, typed } from './expression.ts';
import { literalOf } from './literal.ts';
import type { Type } from './types.ts';

/** The expression type of a constant: number is f64, bigint i64, `Date` a timestamp. */
export type LiteralOf<V> = V extends boolean
  ? Bool
  : V extends number
    ? F64
    : V extends bigint
      ? I64
      : V extends string
        ? Utf8
        : V extends Date
          ? Timestamp
          : never;

/**
 * A constant of a type of its own: a `number` is an f64, a `bigint` an i64, a `Date` a timestamp. With a type, any value
 * it can carry; of bytes, lists and structs only null is a constant.
 *
 * A bare constant takes the type of what it stands beside, so `f.ratio.plus(0.5)` of an f32 is an f32; with `lit(0.5)`
 * it is an f64.
 */
export function lit<V extends boolean | number | bigint | string | Date>(value: V): LiteralOf<V>;
export function lit<E extends Exclude<Scalar, Binary<null>>>(value: E['~input'] | null, type: Type<E>): E;
export function lit<E extends AnyExpr>(value: null, type: Type<E>): E;
export function lit(value: unknown, type?: Type<AnyExpr>): unknown {
  const asked = type?.data ?? (typeof value === 'number' ? F64_TYPE : undefined);
  const literal = literalOf(value, asked);
  const node: Expr = { kind: 'literal', literal };
  const to = asked ?? (literal.type === 'null' ? undefined : { type: literal.type });
  if (to === undefined) return new Expression(node, undefined);
  // The compiler lets a bare number adapt; a conversion, be it to the type that it has, says that this one must not.
  const keeps = literal.type === to.type && !NUMBERS.has(to.type);
  return new Expression(keeps ? node : { kind: 'cast', arg: node, to, safe: false }, to);
}

const F64_TYPE: DataType = { type: 'f64' };
const NUMBERS: ReadonlySet<string> = new Set(['i32', 'i64', 'f32', 'f64']);

type MatchText = 'all branches have one type; convert the others with cast()';

/** `E` if an operand of that type may stand beside `First`, as a column, expression or constant. */
type Match<First extends AnyExpr, O> = Checked<O, First['~nullable'] | First['~input'] | null, MatchText>;

type FirstBranch<V> = V extends AnyExpr ? Plain<V> : LiteralOf<V>;

/** What a branch may yield. */
export type BranchValue = AnyExpr | boolean | number | bigint | string | Date;

/** A `when` that waits for its value. */
export interface When {
  /** The value where the condition is true. */
  then<V extends BranchValue>(value: V): Case<FirstBranch<V>>;
}

/** A further `when`, whose value has the type of the first. */
export interface NextWhen<E extends AnyExpr> {
  /** The value where the condition is true. */
  then<O>(value: Match<E, O>): Case<WithNull<E, E['~null'] | NullOf<O>>>;
}

/** Branches so far. `.end()` yields null where none applies. */
export interface Case<E extends AnyExpr> {
  /** A further branch, looked at where no earlier one applies. */
  when(condition: BoolOperand): NextWhen<E>;
  /** The value where no branch applies. */
  otherwise<O>(value: Match<E, O>): WithNull<E, E['~null'] | NullOf<O>>;
  /** Null where no branch applies. */
  end(): E['~nullable'];
}

/** A value by cases: `when(f.delay.gt(15)).then('late').otherwise('on time')`. */
export function when(condition: BoolOperand): When {
  return branch([], condition, undefined) as unknown as When;
}

function branch(branches: readonly WhenThen[], condition: unknown, type: DataType | undefined) {
  const test = operand(condition, undefined).node;
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is SQL's word, and no promise waits for an expression.
    then: (value: unknown) => {
      const result = operand(value, type);
      // biome-ignore lint/suspicious/noThenProperty: it is the plan's word.
      const next: WhenThen = { when: test, then: result.node };
      return cases([...branches, next], type ?? result.data);
    },
  };
}

function cases(branches: WhenThen[], type: DataType | undefined) {
  const build = (otherwise: Expr | null): Expression =>
    new Expression({ kind: 'case', branches, otherwise }, type);
  return {
    when: (condition: unknown) => branch(branches, condition, type),
    otherwise: (value: unknown) => build(operand(value, type).node),
    end: () => build(null),
  };
}

// `null` if all of the operands can be null.
type AllNull<Operands> = {
  [I in keyof Operands]: null extends NullOf<Operands[I]> ? true : false;
} extends readonly true[]
  ? null
  : never;

/** The first value that is not null; null only if all are. */
export function coalesce<E extends AnyExpr, O extends readonly unknown[]>(
  first: E,
  ...others: { [I in keyof O]: Match<E, O[I]> }
): WithNull<E, E['~null'] & AllNull<O>> {
  return typed(call('coalesce', first, ...others));
}

/** All texts joined; null if one is null. */
export function concat<O extends TextOperand[]>(...texts: O): Utf8<NullOf<O[number]>> {
  return typed(call('concat', ...texts));
}
