/** Expressions at run time: one class over the plan's plain nodes, its methods made from one table. */
import type { BinaryOp, DataType, Expr, Function as FunctionName, UnaryOp } from '../plan/generated.ts';
import type { AnyExpr } from './expr-types.ts';
import { binaryType, callType } from './infer.ts';
import { literalOf } from './literal.ts';
import type { Type } from './types.ts';

/** An expression: a node of the plan, and its type as far as it is known while the pipeline is built. */
export class Expression {
  /** The expression as the plan writes it. */
  readonly node: Expr;
  /** Its type; undefined where only the compiler knows it. It decides the type of constants, nothing else. */
  readonly data: DataType | undefined;

  constructor(node: Expr, data: DataType | undefined) {
    this.node = node;
    // To whatever stands beside it a dictionary is text.
    this.data = data?.type === 'dictionary' ? { type: 'utf8' } : data;
  }

  cast(to: Type<AnyExpr>): Expression {
    return new Expression({ kind: 'cast', arg: this.node, to: to.data, safe: false }, to.data);
  }

  tryCast(to: Type<AnyExpr>): Expression {
    return new Expression({ kind: 'cast', arg: this.node, to: to.data, safe: true }, to.data);
  }

  isIn(...values: unknown[]): Expression {
    return anyOf(values.map((value) => binary('eq', this, value)));
  }

  between(low: unknown, high: unknown): Expression {
    return binary('and', binary('ge', this, low), binary('le', this, high));
  }
}

const BINARY: Readonly<Record<string, BinaryOp>> = {
  plus: 'plus',
  minus: 'minus',
  times: 'times',
  dividedBy: 'divide',
  modulo: 'modulo',
  eq: 'eq',
  ne: 'ne',
  lt: 'lt',
  le: 'le',
  gt: 'gt',
  ge: 'ge',
  and: 'and',
  or: 'or',
  isNotDistinctFrom: 'isNotDistinctFrom',
};

const UNARY: readonly UnaryOp[] = ['not', 'negate', 'isNull', 'isNotNull'];

const CALLS: Readonly<Record<string, FunctionName>> = {
  nullIf: 'nullIf',
  abs: 'abs',
  floor: 'floor',
  ceil: 'ceil',
  round: 'round',
  sqrt: 'sqrt',
  lower: 'lower',
  upper: 'upper',
  trim: 'trim',
  length: 'length',
  concat: 'concat',
  substring: 'substring',
  startsWith: 'startsWith',
  endsWith: 'endsWith',
  contains: 'contains',
  like: 'like',
  truncateTo: 'truncateTo',
  micros: 'micros',
  year: 'year',
  month: 'month',
  day: 'day',
  hour: 'hour',
  minute: 'minute',
  dayOfWeek: 'dayOfWeek',
};

function method(name: string, value: (this: Expression, ...args: unknown[]) => Expression): void {
  Object.defineProperty(Expression.prototype, name, { value, configurable: true, writable: true });
}

for (const [name, op] of Object.entries(BINARY)) {
  method(name, function (other) {
    return binary(op, this, other);
  });
}
for (const op of UNARY) {
  method(op, function () {
    return unary(op, this);
  });
}
for (const [name, fn] of Object.entries(CALLS)) {
  method(name, function (...args) {
    return call(fn, this, ...args);
  });
}

/** `left op right`; a constant on the right takes a type that suits the left. */
export function binary(op: BinaryOp, left: Expression, right: unknown): Expression {
  // A duration is multiplied by a number, so a bigint there is no duration.
  const factor = op === 'times' && left.data?.type === 'duration';
  const other = operand(right, factor ? { type: 'i64' } : left.data);
  const node: Expr = { kind: 'binary', op, left: left.node, right: other.node };
  const data = left.data?.type === 'f32' && other.node.kind === 'literal' ? left.data : other.data;
  return new Expression(node, binaryType(op, left.data, data));
}

/** `op arg`. */
export function unary(op: UnaryOp, arg: Expression): Expression {
  return new Expression({ kind: 'unary', op, arg: arg.node }, op === 'negate' ? arg.data : { type: 'bool' });
}

/** `fn(args)`; trailing arguments that were left out are left out of the call. */
export function call(fn: FunctionName, ...args: unknown[]): Expression {
  const given = args.filter((arg) => arg !== undefined);
  const known = given.find((arg) => arg instanceof Expression && arg.data !== undefined) as
    | Expression
    | undefined;
  const beside = fn === 'substring' ? undefined : known?.data;
  const operands = given.map((arg) => operand(arg, beside));
  const types = operands.map((arg) => arg.data);
  return new Expression(
    { kind: 'call', function: fn, args: operands.map((arg) => arg.node) },
    callType(fn, types),
  );
}

/** The expression that a value stands for beside an operand of type `beside`. */
export function operand(value: unknown, beside: DataType | undefined): Expression {
  if (value instanceof Expression) return value;
  const literal = literalOf(value, beside);
  const data: DataType | undefined = literal.type === 'null' ? beside : { type: literal.type };
  return new Expression({ kind: 'literal', literal }, data);
}

// A balanced tree, because the depth of expressions is limited and the number of values should not be.
function anyOf(tests: readonly Expression[]): Expression {
  const [only] = tests;
  if (only === undefined) return operand(false, undefined);
  if (tests.length === 1) return only;
  const half = Math.ceil(tests.length / 2);
  return binary('or', anyOf(tests.slice(0, half)), anyOf(tests.slice(half)));
}

/** A column by name. */
export function columnNamed(name: string, data: DataType | undefined): Expression {
  return new Expression({ kind: 'column', name }, data);
}

/** Hands a runtime expression out under its static type. The casts of this folder all pass through here. */
export function typed<E>(expression: Expression): E {
  return expression as unknown as E;
}
