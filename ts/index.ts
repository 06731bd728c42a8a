/**
 * headrace: a stream processor for Node. A pipeline is built from a source, operators and sinks, and handed to `run()`.
 *
 * @packageDocumentation
 */
export {
  Aggregate,
  type AnyAggregate,
  approxDistinct,
  avg,
  count,
  first,
  last,
  max,
  min,
  quantile,
  stddev,
  sum,
  type TopK,
  topK,
} from './api/aggregates.ts';
export {
  type DurationInput,
  days,
  hours,
  micros,
  millis,
  minutes,
  seconds,
  type TimeSpan,
} from './api/duration.ts';
export { type ExplainOptions, explain, type PrintableExplanation } from './api/explain.ts';
export type {
  AnyExpr,
  Binary,
  Bool,
  CalendarDay,
  Duration,
  EventTime,
  Expr,
  F32,
  F64,
  I32,
  I64,
  List,
  Scalar,
  Struct,
  Timestamp,
  TypeMessage,
  Utf8,
} from './api/expr-types.ts';
export { type Case, coalesce, concat, lit, type NextWhen, type When, when } from './api/functions.ts';
export {
  type Generated,
  type GeneratedSchema,
  type GeneratorColumns,
  type GeneratorOptions,
  generate,
} from './api/generator.ts';
export type { FlatRowsOf, MapOptions, RowsOf } from './api/host-map.ts';
export type { WatermarkOptions } from './api/operators.ts';
export type { InMode, Output, RowKind, Sink, SinkMode, SinkOptions } from './api/output.ts';
export type {
  AnySchema,
  EventTimeOf,
  InputRowOf,
  LateSchema,
  RowOf,
  RowOfSchema,
  Schema,
  WindowSchema,
} from './api/schema.ts';
export { type BatchOutput, type Collected, type LimitedSinkOptions, sink } from './api/sink.ts';
export { type RateOptions, source } from './api/source.ts';
export type { AggregatedStream, AnyStream, KeyedStream, Stream, WindowedStream } from './api/stream.ts';
export { at, fromDate, toDate } from './api/time.ts';
export { type SchemaOf, type Type, type Types, t } from './api/types.ts';
export { sliding, tumbling, type WindowSpec } from './api/window.ts';
export type { LateOptions } from './api/windowed.ts';
export type { Batch } from './arrow/batch.ts';
export type { Column } from './arrow/column.ts';
export type { DisorderMetrics } from './control/disorder.ts';
export type { Job, JobResult } from './control/job.ts';
export type { JobMetrics } from './control/metrics.ts';
export { run } from './control/run.ts';
export type { CheckpointOptions, RunEvent, RunOptions } from './control/run-options.ts';
export type { JobWarning } from './control/warnings.ts';
export { type ErrorCode, type ErrorPlace, HeadraceError, isHeadraceError } from './errors.ts';
export type { DeliveryPath, Guarantee } from './plan/delivery.ts';
export type { ExplainedChain, ExplainedOperator, Explanation } from './plan/explain.ts';
export { ERROR_CODES, type Field } from './plan/generated.ts';
