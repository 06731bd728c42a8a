/** The columns of a stream at the level of types: what operators do to them. */
import type { AnyExpr, EventTime, I64, Timestamp } from './expr-types.ts';

/** Columns by name. The expression types double as the columns' types, so that `f` in `select(f => …)` is this. */
export type Schema = Record<string, AnyExpr>;

/**
 * The columns of a file whose schema was not declared: read when the pipeline is built, unknown to the type checker.
 * Misspelt names are still found when the pipeline is built, wrong types when it is compiled.
 */
// biome-ignore lint/suspicious/noExplicitAny: any other type would refuse methods that the real column has.
export type AnySchema = Record<string, any>;

/** A row of the columns as JavaScript sees it. */
export type RowOfSchema<S extends Schema> = { [C in keyof S]: S[C]['~value'] } & {};

/** A row of a stream, or of declared columns: `RowOf<typeof stream>`. */
export type RowOf<S> = S extends { readonly '~schema': infer Inner extends Schema }
  ? RowOfSchema<Inner>
  : S extends Readonly<Record<string, { readonly '~expr': AnyExpr }>>
    ? { [C in keyof S]: S[C]['~expr']['~value'] }
    : never;

/**
 * A row that a user hands over: as {@link RowOf}, and besides an i64 may be a safe integer, a timestamp or date a `Date`,
 * and a column that allows nulls may be left out.
 */
export type InputRowOf<S extends Schema> = Show<
  { readonly [C in keyof S as null extends S[C]['~null'] ? never : C]: S[C]['~input'] } & {
    readonly [C in keyof S as null extends S[C]['~null'] ? C : never]?: S[C]['~input'] | undefined;
  }
>;

/** Makes the checker print a computed object type in full. */
export type Show<T> = { [C in keyof T]: T[C] } & {};

/** Whether the names of the columns are known. */
type IsLoose<S extends Schema> = string extends keyof S ? true : false;

/** `Known`, unless the names of `S` are not known: then nothing is known of the result either. */
export type UnlessLoose<S extends Schema, Known extends Schema> = IsLoose<S> extends true ? AnySchema : Known;

/** The names of columns that can be event time. */
export type TimestampNameOf<S extends Schema> = {
  [C in keyof S]: S[C] extends Timestamp<null> ? C : never;
}[keyof S] &
  string;

/** The name of the event-time column, or null without event time. Dropped, it still is event time. */
export type EventTimeOf = string | null;

/** The columns, with `C` marked as event time. */
export type WithEventTime<S extends Schema, C extends EventTimeOf> = UnlessLoose<
  S,
  { [D in keyof S]: D extends C ? (S[D] extends Timestamp<null> ? EventTime<S[D]['~null']> : S[D]) : S[D] }
>;

/** Event time after the columns were computed anew: lost when its column was written over. */
export type TimeAfterSelect<R extends Schema, E extends EventTimeOf> = E extends keyof R
  ? IsAny<R[E]> extends true
    ? E
    : R[E] extends { readonly '~eventTime': true }
      ? E
      : null
  : E;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Columns of `S` written over or followed by those of `R`. */
export type Overwrite<S extends Schema, R extends Schema> = Show<Omit<S, keyof R> & R>;

/** Columns but for some. */
export type Dropped<S extends Schema, C extends string> = {
  [D in keyof S as D extends C ? never : D]: S[D];
} & {};

/** Columns under new names. */
export type Renamed<S extends Schema, Names> = {
  [C in keyof S as C extends keyof Names ? Names[C] & string : C]: S[C];
} & {};

/** The columns of a window's late rows: those of its input and how late each row was, in microseconds. */
export type LateSchema<S extends Schema> = UnlessLoose<S, Overwrite<S, { lateness: I64 }>>;

/** The columns of a window's results. */
export type WindowSchema<S extends Schema, Key extends string, Results extends Schema> = Show<
  { [C in Key]: C extends keyof S ? S[C] : never } & {
    window_start: Timestamp;
    window_end: Timestamp;
  } & Results
>;
