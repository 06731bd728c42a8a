/** What a window computes of its rows. Rows whose argument is null take no part. */
import { HeadraceError } from '../errors.ts';
import type { AggregateFunction, DataType, Expr } from '../plan/generated.ts';
import type {
  AnyExpr,
  BoolOperand,
  Checked,
  Duration,
  F32,
  F64,
  I32,
  I64,
  List,
  NullOf,
  Plain,
  Scalar,
  Struct,
} from './expr-types.ts';
import { Expression, operand } from './expression.ts';

/**
 * An aggregate, whose result is a column of type `E`.
 *
 * `Filtered` is that type once a filter may leave no rows.
 */
export class Aggregate<E extends AnyExpr, Filtered extends AnyExpr = E['~nullable']> {
  declare readonly '~expr': E;
  declare readonly '~filtered': Filtered;
  /** What is computed, as the plan writes it. */
  readonly function: AggregateFunction;
  /** Only rows for which this is true take part. */
  readonly condition: Expression | undefined;
  /** The type of the result, as far as it is known. */
  readonly data: DataType | undefined;

  constructor(fn: AggregateFunction, data: DataType | undefined, condition?: Expression) {
    this.function = fn;
    this.data = data;
    this.condition = condition;
  }

  /** The same over those rows only for which the condition is true. */
  filter(condition: BoolOperand): Aggregate<Filtered, Filtered> {
    const test = operand(condition, undefined);
    const both = this.condition === undefined ? test : operandAnd(this.condition, test);
    return new Aggregate(this.function, this.data, both);
  }
}

/** Any aggregate. */
export type AnyAggregate = Aggregate<AnyExpr, AnyExpr>;

function operandAnd(left: Expression, right: Expression): Expression {
  return new Expression({ kind: 'binary', op: 'and', left: left.node, right: right.node }, { type: 'bool' });
}

type Number = I32<null> | I64<null> | F32<null> | F64<null>;
type Measure = Number | Duration<null>;
type SumText = 'sum() takes numbers or durations; convert with cast() if that is meant';
type MeanText = 'a mean is taken of numbers; convert with cast() or micros() if that is meant';
type ScalarText = 'this aggregate takes single values, not lists or structs';

// Sums keep 64 bits: of i32 an i64, of f32 an f64.
type SumOf<E> = E extends I32<null> | I64<null>
  ? I64<NullOf<E>>
  : E extends F32<null> | F64<null>
    ? F64<NullOf<E>>
    : Duration<NullOf<E>>;

// A NaN has no place among the values, so there may be none although no value is null.
type QuantileOf<E> = F64<E extends F32<null> | F64<null> ? null : NullOf<E>>;

function over(
  value: unknown,
  build: (arg: Expr) => AggregateFunction,
  data: (arg: Expression) => DataType | undefined,
) {
  const arg = operand(value, undefined);
  // The static type of the result is that of the function that calls this.
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  return new Aggregate<any, any>(build(arg.node), data(arg));
}

const f64 = (): DataType => ({ type: 'f64' });
const i64 = (): DataType => ({ type: 'i64' });
const same = (arg: Expression): DataType | undefined => arg.data;

/** The number of rows, or with an argument of rows where it is not null. Exact. */
export function count(value?: AnyExpr): Aggregate<I64, I64> {
  const arg = value === undefined ? null : operand(value, undefined).node;
  return new Aggregate<I64, I64>({ kind: 'count', arg }, i64());
}

/**
 * The sum. Of integers exact, and beyond 64 bits the job fails with `HR_OVERFLOW`; of floats compensated, so that the
 * error does not grow with the number of rows. Null without values.
 */
export function sum<E>(value: Checked<E, Measure, SumText>): Aggregate<SumOf<E>> {
  return over(
    value,
    (arg) => ({ kind: 'sum', arg }),
    (arg) => {
      if (arg.data?.type === 'duration') return arg.data;
      return arg.data === undefined ? undefined : arg.data.type.startsWith('f') ? f64() : i64();
    },
  );
}

/** The mean, of integers from the exact sum. Null without values. */
export function avg<E>(value: Checked<E, Number, MeanText>): Aggregate<F64<NullOf<E>>> {
  return over(value, (arg) => ({ kind: 'avg', arg }), f64);
}

/** The smallest value. Null without values. */
export function min<E>(value: Checked<E, Scalar, ScalarText>): Aggregate<Plain<E>> {
  return over(value, (arg) => ({ kind: 'min', arg }), same);
}

/** The largest value; NaN is larger than every number. Null without values. */
export function max<E>(value: Checked<E, Scalar, ScalarText>): Aggregate<Plain<E>> {
  return over(value, (arg) => ({ kind: 'max', arg }), same);
}

/** The sample standard deviation. Null below two values. */
export function stddev<E>(value: Checked<E, Number, MeanText>): Aggregate<F64<null>> {
  return over(value, (arg) => ({ kind: 'stddev', arg }), f64);
}

/** The value of the row with the smallest event time; of equal times, of the row that arrived first. */
export function first<E>(value: Checked<E, Scalar, ScalarText>): Aggregate<Plain<E>> {
  return over(value, (arg) => ({ kind: 'first', arg }), same);
}

/** The value of the row with the largest event time; of equal times, of the row that arrived last. */
export function last<E>(value: Checked<E, Scalar, ScalarText>): Aggregate<Plain<E>> {
  return over(value, (arg) => ({ kind: 'last', arg }), same);
}

/**
 * The number of distinct values: exact while there are few, then by HyperLogLog (Flajolet et al. 2007), whose standard
 * error is 1.04/√m for m registers.
 */
export function approxDistinct<E>(value: Checked<E, Scalar, ScalarText>): Aggregate<I64, I64> {
  const arg = operand(value, undefined).node;
  return new Aggregate<I64, I64>({ kind: 'approxDistinct', arg }, i64());
}

/**
 * The value below which a share `q` (0 to 1) of the values lies: exact while there are few, then by a t-digest
 * (Dunning 2019), which is most accurate at both ends. Null without values other than NaN.
 *
 * Throws `HR_OPTION_INVALID` for `q` outside 0 to 1.
 */
export function quantile<E>(value: Checked<E, Number, MeanText>, q: number): Aggregate<QuantileOf<E>> {
  if (!(q >= 0 && q <= 1)) {
    throw new HeadraceError('HR_OPTION_INVALID', `The quantile ${q} is not between 0 and 1.`, {
      hint: 'The 99th percentile is quantile(value, 0.99).',
    });
  }
  return over(value, (arg) => ({ kind: 'quantile', arg, q }), f64);
}

/** The largest `k` that `topK` takes. */
export const TOP_K_MAX = 1000;

/**
 * The `k` most frequent values with their counts, by count descending, then value: exact while there are few distinct
 * values, then counted by Count-Min (Cormode and Muthukrishnan 2005), which never counts too few and counts too many by
 * more than a small share of the rows only rarely.
 *
 * Throws `HR_OPTION_INVALID` for `k` outside 1 to 1000.
 */
export function topK<E>(value: Checked<E, Scalar, ScalarText>, k: number): Aggregate<TopK<E>, TopK<E>> {
  if (!Number.isInteger(k) || k < 1 || k > TOP_K_MAX) {
    throw new HeadraceError('HR_OPTION_INVALID', `topK() was asked for ${k} values.`, {
      hint: `k is a whole number from 1 to ${TOP_K_MAX}.`,
    });
  }
  const arg = operand(value, undefined);
  return new Aggregate({ kind: 'topK', arg: arg.node, k }, undefined);
}

/** The result of {@link topK}. */
export type TopK<E> = E extends AnyExpr ? List<Struct<{ value: E['~required']; count: I64 }>> : never;
