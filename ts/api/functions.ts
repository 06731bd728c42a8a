/** Expressions that do not begin with a column: constants, `when`, `coalesce`, `concat`. */
import type { DataType, Expr, WhenThen } from '../plan/generated.ts';
import type {
  AnyExpr,
  Bool,
  BoolOperand,
  Checked,
  F64,
  I64,
  NullOf,
  Plain,
  TextOperand,
  Timestamp,
  Utf8,
  WithNull,
} from './expr-types.ts';
import { call, Expression, operand, typed } from './expression.ts';
import { floatLiteral, literalOf } from './literal.ts';
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

/** A constant: a `number` is an f64, a `bigint` an i64, a `Date` a timestamp. With a type, any value it can carry. */
export function lit<V extends boolean | number | bigint | string | Date>(value: V): LiteralOf<V>;
export function lit<E extends AnyExpr>(value: E['~input'] | null, type: Type<E>): E;
export function lit(value: unknown, type?: Type<AnyExpr>): unknown {
  if (type === undefined) {
    return typeof value === 'number'
      ? new Expression({ kind: 'literal', literal: floatLiteral(value) }, { type: 'f64' })
      : operand(value, undefined);
  }
  const literal = literalOf(value, type.data);
  const node: Expr = { kind: 'literal', literal };
  const exact = literal.type === type.data.type;
  return new Expression(exact ? node : { kind: 'cast', arg: node, to: type.data, safe: false }, type.data);
}

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
