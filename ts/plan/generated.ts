// Generated from crates/plan and the error codes of crates/core. Do not edit: run
// `HEADRACE_REGENERATE=1 cargo test -p headrace-plan` instead.

/** The version of the plan format. */
export const PLAN_VERSION = 1;

/** Every error code and what it means. */
export const ERROR_CODES = {
  "HR_PLAN_INVALID": "The plan cannot be run as it is written.",
  "HR_PLAN_VERSION": "The plan was written by another version of headrace.",
  "HR_UNKNOWN_COLUMN": "An expression names a column that its input does not have.",
  "HR_TYPE_MISMATCH": "An expression, an aggregate or a source was given a type that it does not take.",
  "HR_NO_EVENT_TIME": "A window stands on a stream that has no event time.",
  "HR_APPEND_ONLY_SINK": "An append-only sink stands behind a stream that updates its results.",
  "HR_NOT_REPLAYABLE": "A source that cannot be replayed was given together with checkpoints.",
  "HR_OPTION_INVALID": "An option has a value outside its range.",
  "HR_NATIVE_MISSING": "The native library for this platform is missing or cannot be loaded.",
  "HR_NOT_FOUND": "A file or folder that the job needs is not there.",
  "HR_IO": "A file could not be read or written.",
  "HR_DATA_CORRUPT": "A file or buffer does not hold what its format promises.",
  "HR_SOURCE_CHANGED": "The source's data is not the data that the checkpoint was taken over.",
  "HR_OVERFLOW": "An integer computation left the range of its type.",
  "HR_DIVISION_BY_ZERO": "A division by zero on integers.",
  "HR_CAST_FAILED": "A value could not be cast to the type asked for.",
  "HR_USER_FUNCTION_FAILED": "A JavaScript function threw or rejected.",
  "HR_USER_FUNCTION_SHAPE": "A JavaScript function returned something other than its declared shape.",
  "HR_USER_FUNCTION_TIMEOUT": "A JavaScript function did not answer in time.",
  "HR_CHECKPOINT_MISMATCH": "The checkpoint was taken by another pipeline or with other options.",
  "HR_CHECKPOINT_VERSION": "The checkpoint was written by another version of headrace.",
  "HR_CHECKPOINT_DAMAGED": "A file of the newest checkpoint is missing or damaged.",
  "HR_CHECKPOINT_FAILED": "A checkpoint could not be written.",
  "HR_LOCKED": "Another process holds the checkpoint folder.",
  "HR_FENCED": "A newer run has taken over the checkpoint folder; this one must stop.",
  "HR_COMMIT_FAILED": "A committed file of the sink is missing or different.",
  "HR_KV_CAPACITY": "The KV cache has no room for the sequence.",
  "HR_MODEL_UNSUPPORTED": "The model needs something that this engine does not compute.",
  "HR_MODEL_RUNTIME": "The library that runs models is missing, or is another version than the one that is supported.",
  "HR_CONTEXT_LENGTH": "The prompt and the tokens asked for are longer than the model's context.",
  "HR_QUEUE_FULL": "The engine has as many requests waiting as it takes.",
  "HR_MODEL_RUN": "The model failed on this request; others were not affected.",
  "HR_ENGINE_CLOSED": "The engine takes no more requests: it drains, is closed, or has failed.",
  "HR_CHAT_TEMPLATE": "The model's chat template failed or went beyond its limits.",
  "HR_DOWNLOAD_FAILED": "A file could not be downloaded.",
  "HR_CANCELLED": "The job was cancelled.",
  "HR_INTERNAL": "A defect of headrace itself.",
} as const;

export type DataType = { "type": "bool" } | { "type": "i32" } | { "type": "i64" } | { "type": "f32" } | { "type": "f64" } | { "type": "utf8" } | { "type": "dictionary" } | { "type": "binary" } | { "type": "date" } | { "type": "timestamp" } | { "type": "duration" } | { "type": "list", 
/**
 * The type of the items, which may be null.
 */
item: DataType, } | { "type": "struct", 
/**
 * The members, in order.
 */
fields: Array<Field>, };

export type Field = { 
/**
 * The column's name.
 */
name: string, 
/**
 * The column's type.
 */
data: DataType, 
/**
 * Whether the column may hold nulls.
 */
nullable: boolean, };

export type Literal = { "type": "null" } | { "type": "bool", 
/**
 * The value.
 */
value: boolean, } | { "type": "i32", 
/**
 * The value.
 */
value: number, } | { "type": "i64", 
/**
 * The digits.
 */
value: string, } | { "type": "f64", 
/**
 * The number as text.
 */
value: string, } | { "type": "utf8", 
/**
 * The text.
 */
value: string, } | { "type": "timestamp", 
/**
 * The digits.
 */
value: string, } | { "type": "duration", 
/**
 * The digits.
 */
value: string, } | { "type": "date", 
/**
 * The days.
 */
value: number, };

export type UnaryOp = "not" | "negate" | "isNull" | "isNotNull";

export type BinaryOp = "plus" | "minus" | "times" | "divide" | "modulo" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or" | "isNotDistinctFrom";

export type Function = "coalesce" | "nullIf" | "abs" | "floor" | "ceil" | "round" | "sqrt" | "lower" | "upper" | "trim" | "length" | "concat" | "substring" | "startsWith" | "endsWith" | "contains" | "like" | "truncateTo" | "micros" | "year" | "month" | "day" | "hour" | "minute" | "dayOfWeek" | "durationMicros";

export type WhenThen = { 
/**
 * The condition, a boolean.
 */
when: Expr, 
/**
 * The value when the condition is true.
 */
then: Expr, };

export type Expr = { "kind": "column", 
/**
 * The column's name.
 */
name: string, } | { "kind": "literal", 
/**
 * Its type and value.
 */
literal: Literal, } | { "kind": "unary", 
/**
 * The operation.
 */
op: UnaryOp, 
/**
 * Its operand.
 */
arg: Expr, } | { "kind": "binary", 
/**
 * The operation.
 */
op: BinaryOp, 
/**
 * The left operand.
 */
left: Expr, 
/**
 * The right operand.
 */
right: Expr, } | { "kind": "case", 
/**
 * The branches, in order.
 */
branches: Array<WhenThen>, 
/**
 * The value when no condition is true.
 */
otherwise: Expr | null, } | { "kind": "cast", 
/**
 * The value.
 */
arg: Expr, 
/**
 * The type to convert to.
 */
to: DataType, 
/**
 * Whether an impossible conversion yields null.
 */
safe: boolean, } | { "kind": "call", 
/**
 * The function.
 */
function: Function, 
/**
 * Its arguments.
 */
args: Array<Expr>, };

export type NamedExpr = { 
/**
 * The new column's name.
 */
name: string, 
/**
 * Its value.
 */
expr: Expr, };

export type AggregateFunction = { "kind": "count", 
/**
 * What must not be null.
 */
arg: Expr | null, } | { "kind": "sum", 
/**
 * The summands.
 */
arg: Expr, } | { "kind": "avg", 
/**
 * The values.
 */
arg: Expr, } | { "kind": "min", 
/**
 * The values.
 */
arg: Expr, } | { "kind": "max", 
/**
 * The values.
 */
arg: Expr, } | { "kind": "stddev", 
/**
 * The values.
 */
arg: Expr, } | { "kind": "first", 
/**
 * The value.
 */
arg: Expr, } | { "kind": "last", 
/**
 * The value.
 */
arg: Expr, } | { "kind": "approxDistinct", 
/**
 * The values.
 */
arg: Expr, } | { "kind": "quantile", 
/**
 * The values.
 */
arg: Expr, 
/**
 * The rank, 0 to 1.
 */
q: number, } | { "kind": "topK", 
/**
 * The values.
 */
arg: Expr, 
/**
 * How many.
 */
k: number, };

export type NamedAggregate = { 
/**
 * The new column's name.
 */
name: string, 
/**
 * What is computed.
 */
function: AggregateFunction, 
/**
 * Only rows for which this is true take part.
 */
filter: Expr | null, };

export type GeneratorValue = { "kind": "sequence", 
/**
 * The first value.
 */
start: number, 
/**
 * The distance between rows.
 */
step: number, } | { "kind": "integer", 
/**
 * The smallest value.
 */
min: number, 
/**
 * The largest value.
 */
max: number, } | { "kind": "float", 
/**
 * The lower bound.
 */
min: number, 
/**
 * The upper bound.
 */
max: number, } | { "kind": "choice", 
/**
 * The values.
 */
values: Array<string>, 
/**
 * The exponent; 0 is uniform.
 */
exponent: number, } | { "kind": "timestamp", 
/**
 * The first row's time before jitter, µs since the epoch.
 */
start: number, 
/**
 * The distance between rows; µs.
 */
step: number, 
/**
 * How far back a row may lie; µs.
 */
jitter: number, };

export type GeneratorColumn = { 
/**
 * The column's name.
 */
name: string, 
/**
 * How its values are made.
 */
value: GeneratorValue, };

export type HostMapMode = "map" | "flatMap";

export type Input = { 
/**
 * The earlier node's number.
 */
node: number, 
/**
 * 0 for its main output, 1 for its late side output.
 */
port: number, };

export type Op = { "op": "parquetSource", 
/**
 * The files.
 */
paths: Array<string>, 
/**
 * The columns to read and their types; all columns as the file has them when absent.
 */
schema: Array<Field> | null, 
/**
 * Rows per second at most.
 */
rate: number | null, } | { "op": "tableSource", 
/**
 * The number under which the host handed the rows over.
 */
table: number, 
/**
 * Their columns.
 */
schema: Array<Field>, 
/**
 * Rows per second at most.
 */
rate: number | null, } | { "op": "hostSource", 
/**
 * The host's number for the iterable.
 */
host: number, 
/**
 * The columns.
 */
schema: Array<Field>, } | { "op": "generatorSource", 
/**
 * The columns.
 */
columns: Array<GeneratorColumn>, 
/**
 * Rows over all partitions.
 */
rows: number, 
/**
 * The number of partitions; rows are dealt in turn.
 */
partitions: number, 
/**
 * The seed.
 */
seed: number, 
/**
 * Rows per second at most, over all partitions.
 */
rate: number | null, } | { "op": "filter", 
/**
 * The predicate, a boolean.
 */
predicate: Expr, } | { "op": "select", 
/**
 * All columns of the output.
 */
columns: Array<NamedExpr>, } | { "op": "union" } | { "op": "inOrderOf", 
/**
 * What to sort by; nulls come last.
 */
by: Expr, } | { "op": "watermark", 
/**
 * The event-time column, a timestamp.
 */
column: string, 
/**
 * How far the watermark stays behind the largest event time; µs.
 */
lag: number, 
/**
 * After how long without rows a partition leaves the minimum; µs.
 */
idle: number | null, 
/**
 * How far ahead of the largest event time a row may be before it stops moving it; µs.
 */
maxAhead: number | null, } | { "op": "window", 
/**
 * The key columns; none is one key for the whole stream.
 */
keys: Array<string>, 
/**
 * The window's size; µs.
 */
size: number, 
/**
 * The distance between window starts; µs.
 */
slide: number, 
/**
 * The shift of window starts from the epoch; µs.
 */
offset: number, 
/**
 * Allowed lateness; µs.
 */
lateness: number, 
/**
 * The aggregates.
 */
aggregates: Array<NamedAggregate>, } | { "op": "hostMap", 
/**
 * The host's number for the function.
 */
host: number, 
/**
 * The columns it returns.
 */
schema: Array<Field>, 
/**
 * Whether it keeps the number of rows.
 */
mode: HostMapMode, 
/**
 * How long an answer may take; ms.
 */
timeoutMs: number, 
/**
 * How many batches may be with the host at once.
 */
inFlight: number, } | { "op": "parquetSink", 
/**
 * The folder.
 */
path: string, 
/**
 * Whether updates are written, with a first column `op`.
 */
changelog: boolean, } | { "op": "hostSink", 
/**
 * The host's number for the consumer.
 */
host: number, 
/**
 * Whether updates are handed over, with a first column `op`.
 */
changelog: boolean, } | { "op": "blackholeSink" };

export type Node = { 
/**
 * The id that state is kept under; it survives edits elsewhere in the pipeline.
 */
uid: string, 
/**
 * The name for people, such as `window(1h/10m)`.
 */
name: string, 
/**
 * The user's file and line, when known.
 */
at: string | null, 
/**
 * Where the rows come from.
 */
inputs: Array<Input>, 
/**
 * What the node does.
 */
op: Op, };

export type Plan = { 
/**
 * The format's version, [`crate::PLAN_VERSION`].
 */
version: number, 
/**
 * The nodes; a node's number is its place in this list.
 */
nodes: Array<Node>, };

export type JobOptions = { 
/**
 * Subtasks of each keyed operator, 1 to 128.
 */
parallelism: number, 
/**
 * Rows of a source batch.
 */
batchRows: number, 
/**
 * Rows a channel holds before it stops its sender.
 */
channelRows: number, 
/**
 * Bytes a channel holds before it stops its sender.
 */
channelBytes: number, };
