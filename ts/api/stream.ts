/** The builder: streams, and the operators that make new streams out of them. Everything is immutable. */
import type { AnyAggregate } from './aggregates.ts';
import type { Draft, Edge } from './draft.ts';
import { shapeOf } from './draft.ts';
import type { AnyExpr, BoolOperand, EventTime, TypeMessage, WithNull } from './expr-types.ts';
import { hostMap, type MapFunctions, type MapOptions } from './host-map.ts';
import type { WatermarkOptions } from './operators.ts';
import * as operators from './operators.ts';
import { output, type Sink } from './output.ts';
import type {
  AnySchema,
  Dropped,
  EventTimeOf,
  LateSchema,
  Overwrite,
  Renamed,
  RowOfSchema,
  Schema,
  TimeAfterSelect,
  TimestampNameOf,
  UnlessLoose,
  WindowSchema,
  WithEventTime,
} from './schema.ts';
import type { SchemaOf, Types } from './types.ts';
import type { WindowSpec } from './window.ts';
import { aggregate, type LateOptions, type WindowRequest, windowRequest } from './windowed.ts';

/** A stream, its event time, or both may be anything. */
// biome-ignore lint/suspicious/noExplicitAny: `unknown` would not do where the parameters are both read and written.
export type AnyStream = Stream<any, any>;

type NoEventTime = TypeMessage<'a window needs event time: call .watermark(column, { lag }) before it'>;
/** The `this` of operators that need event time. */
type Timed<Self, E extends EventTimeOf> = E extends string ? Self : NoEventTime;

type KindsOf<S extends Schema> = { [C in keyof S]: S[C]['~nullable'] };
type UnionText = 'the streams of a union have the same columns, of the same types';
type UnionWith<S extends Schema, O> = O extends { readonly '~schema': infer T extends Schema }
  ? [KindsOf<S>, KindsOf<T>] extends [KindsOf<T>, KindsOf<S>]
    ? O
    : TypeMessage<UnionText>
  : never;
type UnionSchema<S extends Schema, O extends Schema> = UnlessLoose<
  S,
  { [C in keyof S]: UnionColumn<S[C], S[C]['~null'] | O[C & keyof O]['~null']> }
>;
type UnionColumn<C extends AnyExpr, N extends null> = C extends { readonly '~eventTime': true }
  ? EventTime<N>
  : WithNull<C, N>;
type UnionTime<E extends EventTimeOf, F extends EventTimeOf> = [E, F] extends [F, E] ? E : null;

type NoColumn<C> = TypeMessage<`the stream has no column '${C & string}'`>;
type Names<S extends Schema, N> = N & { readonly [C in Exclude<keyof N, keyof S>]: NoColumn<C> };

/** What the aggregates of `aggregate()` yield, as columns. */
type ResultsOf<R extends Record<string, AnyAggregate>> = { [A in keyof R]: R[A]['~expr'] };

/**
 * A stream of rows.
 *
 * `S` holds its columns, `E` the name of its event-time column, `null` without event time.
 * `RowOf<typeof stream>` is the type of its rows.
 */
export class Stream<S extends Schema, E extends EventTimeOf> {
  declare readonly '~schema': S;
  declare readonly '~time': E;
  /** The operator's output behind the stream. */
  readonly edge: Edge;

  constructor(edge: Edge) {
    this.edge = edge;
    Object.freeze(this);
  }

  /** The names of the columns, in order. */
  get columns(): readonly string[] {
    return shapeOf(this.edge).columns.map((column) => column.name);
  }

  /** Keeps the rows for which the predicate is true: `filter(f => f.delay.gt(15))`. */
  filter(predicate: (f: S) => BoolOperand): Stream<S, E> {
    return main(operators.filter(this.edge, predicate));
  }

  /**
   * Computes all columns anew: `select(f => ({ ...f, arrived: f.date.plus(minutes(f.delay)) }))`. Writing over the
   * event-time column clears event time; keeping or dropping the column does not.
   */
  select<R extends Schema>(columns: (f: S) => R): Stream<UnlessLoose<S, R>, TimeAfterSelect<R, E>> {
    return main(operators.select(this.edge, columns));
  }

  /** Adds columns, or writes over those of the same name. */
  withColumns<R extends Schema>(
    columns: (f: S) => R,
  ): Stream<UnlessLoose<S, Overwrite<S, R>>, TimeAfterSelect<Overwrite<S, R>, E>> {
    return main(operators.withColumns(this.edge, columns));
  }

  /** Leaves columns out. */
  drop<C extends keyof S & string>(...names: C[]): Stream<UnlessLoose<S, Dropped<S, C>>, E> {
    return main(operators.drop(this.edge, names));
  }

  /** Gives columns new names: `rename({ date: 'departure' })`. */
  rename<const N extends Readonly<Record<string, string>>>(
    names: Names<S, N>,
  ): Stream<UnlessLoose<S, Renamed<S, N>>, TimeAfterSelect<Renamed<S, N>, E>> {
    return main(operators.rename(this.edge, names));
  }

  /** The rows of this stream and of others with the same columns, in whatever order they arrive. */
  union<O extends readonly AnyStream[]>(
    ...others: O & { [I in keyof O]: UnionWith<S, O[I]> }
  ): Stream<UnionSchema<S, O[number]['~schema']>, UnionTime<E, O[number]['~time']>> {
    return main(operators.union([this.edge, ...(others as readonly AnyStream[]).map((other) => other.edge)]));
  }

  /** Sorts a bounded source by a column or an expression; ties stay in source order, nulls come last. */
  inOrderOf(by: (keyof S & string) | ((f: S) => AnyExpr)): Stream<S, E> {
    return main(operators.inOrderOf(this.edge, by));
  }

  /**
   * Chooses the event-time column and how far its watermark stays behind. It stands before the first `keyBy` or window.
   * Rows whose event time is null are dropped and counted.
   */
  watermark<C extends TimestampNameOf<S>>(
    column: C,
    options: WatermarkOptions,
  ): Stream<WithEventTime<S, C>, C> {
    return main(operators.watermark(this.edge, column, options));
  }

  /** Groups the rows of the same values; without columns all rows are one group. */
  keyBy<K extends keyof S & string>(...columns: K[]): KeyedStream<S, E, K> {
    return new KeyedStream(this.edge, columns);
  }

  /** Windows over the whole stream, which is one group. */
  window<Late extends string = never>(
    this: Timed<Stream<S, E>, E>,
    spec: WindowSpec,
    options: LateOptions<Late> = {},
  ): WindowedStream<S, E, never, Late> {
    return windowed(this as AnyStream, [], spec, options);
  }

  /** A JavaScript function from row to row. Prefer `select` where an expression can say it: it does not leave Rust. */
  map<T extends Types>(
    fn: MapFunctions<S, T>['map'],
    options: MapOptions<T>,
  ): Stream<WithEventTime<SchemaOf<T>, E>, E> {
    return main(hostMap(this.edge, 'row', 'map', fn, options));
  }

  /** A JavaScript function from batch to batch, with as many rows; several times faster than `map`. */
  mapBatches<T extends Types>(
    fn: MapFunctions<S, T>['mapBatches'],
    options: MapOptions<T>,
  ): Stream<WithEventTime<SchemaOf<T>, E>, E> {
    return main(hostMap(this.edge, 'batch', 'map', fn, options));
  }

  /** A JavaScript function from a row to any number of rows, which inherit its event time. */
  flatMap<T extends Types>(
    fn: MapFunctions<S, T>['flatMap'],
    options: MapOptions<T>,
  ): Stream<WithEventTime<SchemaOf<T>, E>, E> {
    return main(hostMap(this.edge, 'row', 'flatMap', fn, options));
  }

  /** A JavaScript function from a batch to any number of rows; `parents` names the input row of each. */
  flatMapBatches<T extends Types>(
    fn: MapFunctions<S, T>['flatMapBatches'],
    options: MapOptions<T>,
  ): Stream<WithEventTime<SchemaOf<T>, E>, E> {
    return main(hostMap(this.edge, 'batch', 'flatMap', fn, options));
  }

  /**
   * Names the last operator, so that its state is found again when the pipeline is edited before it. Without a name it
   * gets one from its kind and the stateful operators before it.
   */
  uid(id: string): this {
    const Self = this.constructor as new (edge: Edge) => this;
    return new Self({ ...this.edge, draft: operators.withUid(this.edge.draft, id) });
  }

  /** Ends the stream in a sink; hand the result to `run()`. */
  to<H>(sink: Sink<RowOfSchema<S>, H>): H {
    return output(this.edge, sink);
  }
}

/** A stream grouped by key columns `K`; a window comes next. */
export class KeyedStream<S extends Schema, E extends EventTimeOf, K extends string> {
  readonly #edge: Edge;
  readonly #keys: readonly string[];

  constructor(edge: Edge, keys: readonly string[]) {
    this.#edge = edge;
    this.#keys = keys;
    operators.checkKeys(edge, keys);
  }

  /** Cuts each group into windows: `window(tumbling(hours(1)), { late: 'too-late' })`. */
  window<Late extends string = never>(
    this: Timed<KeyedStream<S, E, K>, E>,
    spec: WindowSpec,
    options: LateOptions<Late> = {},
  ): WindowedStream<S, E, K, Late> {
    const self = this as KeyedStream<S, E, K>;
    return windowed({ edge: self.#edge }, self.#keys, spec, options);
  }
}

function windowed<S extends Schema, E extends EventTimeOf, K extends string, Late extends string>(
  { edge }: { readonly edge: Edge },
  keys: readonly string[],
  spec: WindowSpec,
  options: LateOptions<string>,
): WindowedStream<S, E, K, Late> {
  return new WindowedStream(windowRequest(edge, keys, spec, options));
}

/** Groups cut into windows; aggregates come next. */
export class WindowedStream<S extends Schema, E extends EventTimeOf, K extends string, Late extends string> {
  readonly #request: WindowRequest;

  constructor(request: WindowRequest) {
    this.#request = request;
  }

  /**
   * One row per key and window, when the watermark has passed the window's end: the keys, `window_start`, `window_end`
   * and the aggregates. Its event time is `window_end` − 1 µs.
   */
  aggregate<R extends Record<string, AnyAggregate>>(
    results: (f: S) => R,
  ): AggregatedStream<WindowSchema<S, K, ResultsOf<R>>, S, E, Late> {
    return new AggregatedStream({ draft: aggregate(this.#request, results), port: 0 });
  }
}

/** The results of windows `R`, and by name their late rows. */
export class AggregatedStream<
  R extends Schema,
  S extends Schema,
  E extends EventTimeOf,
  Late extends string,
> extends Stream<R, 'window_end'> {
  /**
   * The rows that were late for all their windows: the columns of the window's input and `lateness`, how far the row's
   * event time lay behind its row watermark, in µs.
   */
  sideOutput(
    name: [Late] extends [never] ? TypeMessage<'name the late rows first: .window(…, { late: name })'> : Late,
  ): Stream<LateSchema<S>, E> {
    return new Stream({ draft: operators.lateOutput(this.edge.draft, name as string), port: 1 });
  }
}

function main<S extends Schema, E extends EventTimeOf>(draft: Draft): Stream<S, E> {
  return new Stream({ draft, port: 0 });
}

/** A stream whose columns the type checker does not know. */
export type LooseStream<E extends EventTimeOf = EventTimeOf> = Stream<AnySchema, E>;
