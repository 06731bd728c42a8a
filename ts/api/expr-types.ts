/**
 * The types of expressions: one interface for each type of column, with the methods that type has. At run time all of
 * them are one class (`expression.ts`).
 *
 * `N` is `null` where the value may be null and `never` where it may not; it flows through every method. The members
 * that begin with `~` exist for the type checker only.
 */
import type { CalendarDay, Duration, Timestamp } from './time-types.ts';
import type { Type } from './types.ts';

export type { CalendarDay, Duration, EventTime, Timestamp } from './time-types.ts';

/** A type that no argument has; the checker prints its text when something else was given. */
export interface TypeMessage<Text extends string> {
  readonly '~message': Text;
}

/** `Given`, if it is `Accepted`; else the message. */
export type Checked<Given, Accepted, Text extends string> = Given extends Accepted
  ? Given
  : TypeMessage<Text>;

/** What every expression has. */
export interface Expr<Kind extends string, Value, N extends null, Input = Value> {
  readonly '~kind': Kind;
  readonly '~value': Value | N;
  readonly '~input': Input | N;
  readonly '~null': N;
  /** Whether the value is null. */
  isNull(): Bool;
  /** Whether the value is not null. */
  isNotNull(): Bool;
}

/** Conversion to those types that a type converts to; `Target` includes the type itself. */
export interface Castable<Target extends AnyExpr, N extends null> {
  /** Converts to another type; a value that cannot be converted fails the job with `HR_CAST_FAILED`. */
  cast<E extends Target>(to: Type<E>): WithNull<E, N>;
  /** Converts to another type; a value that cannot be converted becomes null. */
  tryCast<E extends Target>(to: Type<E>): E['~nullable'];
}

type AnyNumber = I32<null> | I64<null> | F32<null> | F64<null>;

/** Any expression. */
export interface AnyExpr extends Expr<string, unknown, null> {
  readonly '~required': AnyExpr;
  readonly '~nullable': AnyExpr;
}

/** Whether an operand can be null: `null` or `never`. */
export type NullOf<Operand> = Operand extends { readonly '~null': infer N extends null }
  ? N
  : Extract<Operand, null>;

/** The expression type `E`, nullable if `N` is `null`. */
export type WithNull<E extends AnyExpr, N extends null> = [N] extends [never]
  ? E['~required']
  : E['~nullable'];

/** A single value: anything but a list or a struct. */
export type Scalar =
  | Bool<null>
  | I32<null>
  | I64<null>
  | F32<null>
  | F64<null>
  | Utf8<null>
  | Binary<null>
  | CalendarDay<null>
  | Timestamp<null>
  | Duration<null>;

/** The expression type itself, as an expression that is not a column any more. */
export type Plain<E> = E extends AnyExpr ? WithNull<E, E['~null']> : never;

/** Comparisons with an operand of a comparable type. */
export interface Ordered<Operand, Text extends string, N extends null> {
  /** Equal; null if one side is null. One NaN equals another. */
  eq<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Not equal. */
  ne<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Less than. NaN is greater than every number. */
  lt<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Less than or equal. */
  le<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Greater than. */
  gt<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Greater than or equal. */
  ge<O>(other: Checked<O, Operand, Text>): Bool<N | NullOf<O>>;
  /** Equal, where null equals null; never null itself. */
  isNotDistinctFrom<O>(other: Checked<O, Operand | null, Text>): Bool;
  /** Equal to one of the values. */
  isIn<V extends Operand[]>(...values: V): Bool<N | NullOf<V[number]>>;
  /** Between two values, both included. */
  between<L, H>(
    low: Checked<L, Operand, Text>,
    high: Checked<H, Operand, Text>,
  ): Bool<N | NullOf<L> | NullOf<H>>;
}

/** What a boolean may be combined with. */
export type BoolOperand = Bool<null> | boolean;

/** A boolean. */
export interface Bool<N extends null = never>
  extends Expr<'bool', boolean, N>,
    Castable<Bool<null> | AnyNumber | Utf8<null>, N>,
    Ordered<BoolOperand, 'a boolean is compared with booleans only', N> {
  readonly '~required': Bool;
  readonly '~nullable': Bool<null>;
  /** Conjunction of SQL's three values: false wins over null. */
  and<O>(other: Checked<O, BoolOperand, 'and() takes a boolean'>): Bool<N | NullOf<O>>;
  /** Disjunction of SQL's three values: true wins over null. */
  or<O>(other: Checked<O, BoolOperand, 'or() takes a boolean'>): Bool<N | NullOf<O>>;
  /** Negation; null stays null. */
  not(): Bool<N>;
  /** Null where the value equals the other one. */
  nullIf(other: BoolOperand): Bool<null>;
}

/** What a number may be combined with. A JavaScript `number` beside an integer must be a safe integer. */
export type NumberOperand = I32<null> | I64<null> | F32<null> | F64<null> | number | bigint;

interface Numbers<N extends null> {
  i32: I32<N>;
  i64: I64<N>;
  f32: F32<N>;
  f64: F64<N>;
}

// Rounding yields floats: an f32 stays one, everything else becomes f64.
interface Floats<N extends null> {
  i32: F64<N>;
  i64: F64<N>;
  f32: F32<N>;
  f64: F64<N>;
}

type NumberKind = 'i32' | 'i64' | 'f32' | 'f64';

// The type of an arithmetic result: the wider integer, or f64 where floats meet anything else. Constants adapt to f32.
interface Promotion {
  i32: { i32: 'i32'; i64: 'i64'; f32: 'f64'; f64: 'f64'; number: 'i32'; bigint: 'i64' };
  i64: { i32: 'i64'; i64: 'i64'; f32: 'f64'; f64: 'f64'; number: 'i64'; bigint: 'i64' };
  f32: { i32: 'f64'; i64: 'f64'; f32: 'f32'; f64: 'f64'; number: 'f32'; bigint: 'f32' };
  f64: { i32: 'f64'; i64: 'f64'; f32: 'f64'; f64: 'f64'; number: 'f64'; bigint: 'f64' };
}

type OperandKind<O> = O extends number
  ? 'number'
  : O extends bigint
    ? 'bigint'
    : O extends { readonly '~kind': infer K extends NumberKind }
      ? K
      : 'f64';

type Arithmetic<K extends NumberKind, N extends null, O> = Numbers<
  N | NullOf<O>
>[Promotion[K][OperandKind<O>]];

type NumberText =
  'arithmetic and comparison of a number take another number; convert with cast() if that is meant';

interface NumberExpr<K extends NumberKind, Value, N extends null, Input = Value>
  extends Expr<K, Value, N, Input>,
    Castable<Bool<null> | AnyNumber | Utf8<null>, N>,
    Ordered<NumberOperand, NumberText, N> {
  /** The sum; an integer that leaves its range fails the job with `HR_OVERFLOW`. */
  plus<O>(other: Checked<O, NumberOperand, NumberText>): Arithmetic<K, N, O>;
  /** The difference. */
  minus<O>(other: Checked<O, NumberOperand, NumberText>): Arithmetic<K, N, O>;
  /** The product. */
  times<O>(other: Checked<O, NumberOperand, NumberText>): Arithmetic<K, N, O>;
  /** The quotient; of two integers it is cut towards zero, and by zero it fails with `HR_DIVISION_BY_ZERO`. */
  dividedBy<O>(other: Checked<O, NumberOperand, NumberText>): Arithmetic<K, N, O>;
  /** The remainder, with the sign of the dividend. */
  modulo<O>(other: Checked<O, NumberOperand, NumberText>): Arithmetic<K, N, O>;
  /** The value with the other sign. */
  negate(): Numbers<N>[K];
  /** The absolute value. */
  abs(): Numbers<N>[K];
  /** The largest whole number not above. */
  floor(): Floats<N>[K];
  /** The smallest whole number not below. */
  ceil(): Floats<N>[K];
  /** The nearest whole number, halves away from zero. */
  round(): Floats<N>[K];
  /** The square root; of a negative number NaN. */
  sqrt(): F64<N>;
  /** Null where the value equals the other one. */
  nullIf(other: NumberOperand): Numbers<null>[K];
}

/** A 32-bit integer; `number` in JavaScript. */
export interface I32<N extends null = never> extends NumberExpr<'i32', number, N> {
  readonly '~required': I32;
  readonly '~nullable': I32<null>;
}

/** A 64-bit integer; `bigint` in JavaScript. */
export interface I64<N extends null = never> extends NumberExpr<'i64', bigint, N, bigint | number> {
  readonly '~required': I64;
  readonly '~nullable': I64<null>;
}

/** A 32-bit float; `number` in JavaScript. */
export interface F32<N extends null = never> extends NumberExpr<'f32', number, N> {
  readonly '~required': F32;
  readonly '~nullable': F32<null>;
}

/** A 64-bit float; `number` in JavaScript. */
export interface F64<N extends null = never> extends NumberExpr<'f64', number, N> {
  readonly '~required': F64;
  readonly '~nullable': F64<null>;
}

/** What a text may be combined with. */
export type TextOperand = Utf8<null> | string;

/** A place in a text, or a number of characters. */
type Position = I32<null> | I64<null> | number;

/** Text in UTF-8; `string` in JavaScript. */
export interface Utf8<N extends null = never>
  extends Expr<'utf8', string, N>,
    Castable<Bool<null> | AnyNumber | Utf8<null> | CalendarDay<null> | Timestamp<null> | Binary<null>, N>,
    Ordered<TextOperand, 'a text is compared with texts only', N> {
  readonly '~required': Utf8;
  readonly '~nullable': Utf8<null>;
  /** Text is not added; use `concat`. */
  readonly plus: TypeMessage<'texts are joined with concat(); to compute with a number in a text, cast() it first'>;
  /** In lower case. */
  lower(): Utf8<N>;
  /** In upper case. */
  upper(): Utf8<N>;
  /** Without white space at both ends. */
  trim(): Utf8<N>;
  /** The number of characters. */
  length(): I64<N>;
  /** This text and all others joined; null if one is null. */
  concat<O extends TextOperand[]>(...others: O): Utf8<N | NullOf<O[number]>>;
  /** The part that begins at character `start` (from 1) and has `length` characters, or the rest. */
  substring<S extends Position, L extends Position = never>(
    start: S,
    length?: L,
  ): Utf8<N | NullOf<S> | NullOf<L>>;
  /** Whether it starts with the other text. */
  startsWith<O>(other: Checked<O, TextOperand, 'startsWith() takes a text'>): Bool<N | NullOf<O>>;
  /** Whether it ends with the other text. */
  endsWith<O>(other: Checked<O, TextOperand, 'endsWith() takes a text'>): Bool<N | NullOf<O>>;
  /** Whether it contains the other text. */
  contains<O>(other: Checked<O, TextOperand, 'contains() takes a text'>): Bool<N | NullOf<O>>;
  /** SQL's LIKE: `%` stands for any text and `_` for any character. */
  like<O>(pattern: Checked<O, TextOperand, 'like() takes a text'>): Bool<N | NullOf<O>>;
  /** Null where the text equals the other one. */
  nullIf(other: TextOperand): Utf8<null>;
}

/** Bytes; `Uint8Array` in JavaScript. */
export interface Binary<N extends null = never>
  extends Expr<'binary', Uint8Array, N>,
    Castable<Binary<null> | Utf8<null>, N> {
  readonly '~required': Binary;
  readonly '~nullable': Binary<null>;
}

/** A list; an array in JavaScript, whose items may be null. */
export interface List<Item extends AnyExpr, N extends null = never>
  extends Expr<
      'list',
      (Item['~required']['~value'] | null)[],
      N,
      readonly (Item['~required']['~input'] | null)[]
    >,
    Castable<List<Item, null>, N> {
  readonly '~required': List<Item>;
  readonly '~nullable': List<Item, null>;
}

/** A record of named values; an object in JavaScript. */
export interface Struct<Members extends Record<string, AnyExpr>, N extends null = never>
  extends Expr<
      'struct',
      { [C in keyof Members]: Members[C]['~value'] },
      N,
      { readonly [C in keyof Members]: Members[C]['~input'] }
    >,
    Castable<Struct<Members, null>, N> {
  readonly '~required': Struct<Members>;
  readonly '~nullable': Struct<Members, null>;
}
