//! The nodes of a plan, in an order in which every node stands after its inputs.

use serde::{Deserialize, Serialize};

use crate::{Expr, Field, NamedAggregate, NamedExpr};

/// A pipeline, from its sources to its sinks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Plan {
    /// The format's version, [`crate::PLAN_VERSION`].
    pub version: u32,
    /// The nodes; a node's number is its place in this list.
    pub nodes: Vec<Node>,
}

/// One operator of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Node {
    /// The id that state is kept under; it survives edits elsewhere in the pipeline.
    pub uid: String,
    /// The name for people, such as `window(1h/10m)`.
    pub name: String,
    /// The user's file and line, when known.
    pub at: Option<String>,
    /// Where the rows come from.
    pub inputs: Vec<Input>,
    /// What the node does.
    pub op: Op,
}

/// An edge: an output of an earlier node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Input {
    /// The earlier node's number.
    pub node: u32,
    /// 0 for its main output, 1 for its late side output.
    pub port: u32,
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Op {
    /// Rows of Parquet files, in the order of the list; one partition.
    ParquetSource {
        /// The files.
        paths: Vec<String>,
        /// The columns to read and their types; all columns as the file has them when absent.
        schema: Option<Vec<Field>>,
        /// Rows per second at most.
        rate: Option<f64>,
    },
    /// Rows held in memory, handed over when the job is created; one partition, replayable.
    TableSource {
        /// The number under which the host handed the rows over.
        table: u32,
        /// Their columns.
        schema: Vec<Field>,
        /// Rows per second at most.
        rate: Option<f64>,
    },
    /// Batches pulled from the host (an `AsyncIterable`); one partition, not replayable.
    HostSource {
        /// The host's number for the iterable.
        host: u32,
        /// The columns.
        schema: Vec<Field>,
    },
    /// A seeded generator: the same rows every time, partition by partition.
    GeneratorSource {
        /// The columns.
        columns: Vec<GeneratorColumn>,
        /// Rows over all partitions.
        #[cfg_attr(test, ts(type = "number"))]
        rows: u64,
        /// The number of partitions; rows are dealt in turn.
        partitions: u32,
        /// The seed.
        seed: u32,
        /// Rows per second at most, over all partitions.
        rate: Option<f64>,
    },
    /// Keeps the rows for which the predicate is true.
    Filter {
        /// The predicate, a boolean.
        predicate: Expr,
    },
    /// Computes the columns anew; `withColumns`, `drop` and `rename` are written as this.
    Select {
        /// All columns of the output.
        columns: Vec<NamedExpr>,
    },
    /// The rows of all inputs, which have the same columns.
    Union,
    /// A stable sort of a bounded source; ties stay in source order.
    InOrderOf {
        /// What to sort by; nulls come last.
        by: Expr,
    },
    /// Chooses event time and stamps each row with its row watermark.
    Watermark {
        /// The event-time column, a timestamp.
        column: String,
        /// How far the watermark stays behind the largest event time; µs.
        #[cfg_attr(test, ts(type = "number"))]
        lag: i64,
        /// After how long without rows a partition leaves the minimum; µs.
        #[cfg_attr(test, ts(type = "number | null"))]
        idle: Option<i64>,
        /// How far ahead of the largest event time a row may be before it stops moving it; µs.
        #[cfg_attr(test, ts(type = "number | null"))]
        max_ahead: Option<i64>,
    },
    /// Aggregates by key and window; port 1 carries the rows that are late for all their windows.
    Window {
        /// The key columns; none is one key for the whole stream.
        keys: Vec<String>,
        /// The window's size; µs.
        #[cfg_attr(test, ts(type = "number"))]
        size: i64,
        /// The distance between window starts; µs.
        #[cfg_attr(test, ts(type = "number"))]
        slide: i64,
        /// The shift of window starts from the epoch; µs.
        #[cfg_attr(test, ts(type = "number"))]
        offset: i64,
        /// Allowed lateness; µs.
        #[cfg_attr(test, ts(type = "number"))]
        lateness: i64,
        /// The aggregates.
        aggregates: Vec<NamedAggregate>,
    },
    /// A JavaScript function over batches.
    HostMap {
        /// The host's number for the function.
        host: u32,
        /// The columns it returns.
        schema: Vec<Field>,
        /// Whether it keeps the number of rows.
        mode: HostMapMode,
        /// How long an answer may take; ms.
        timeout_ms: u32,
        /// How many batches may be with the host at once.
        in_flight: u32,
    },
    /// Parquet files in a folder, committed with the checkpoint.
    ParquetSink {
        /// The folder.
        path: String,
        /// Whether updates are written, with a first column `op`.
        changelog: bool,
    },
    /// Batches handed to the host: `collect`, `for await`, callbacks, the console.
    HostSink {
        /// The host's number for the consumer.
        host: u32,
        /// Whether updates are handed over, with a first column `op`.
        changelog: bool,
    },
    /// Counts rows and forgets them.
    BlackholeSink,
}

/// How a JavaScript function's output rows relate to its input rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum HostMapMode {
    /// One output row for each input row, in order.
    Map,
    /// Any number of output rows; each names its input row, from which it inherits event time and row watermark.
    FlatMap,
}

/// A column of the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GeneratorColumn {
    /// The column's name.
    pub name: String,
    /// How its values are made.
    pub value: GeneratorValue,
}

/// How a generated value is made; every value is a function of the seed, the column and the row number alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum GeneratorValue {
    /// i64: `start + row × step`.
    Sequence {
        /// The first value.
        #[cfg_attr(test, ts(type = "number"))]
        start: i64,
        /// The distance between rows.
        #[cfg_attr(test, ts(type = "number"))]
        step: i64,
    },
    /// i64, uniform in `min..=max`.
    Integer {
        /// The smallest value.
        #[cfg_attr(test, ts(type = "number"))]
        min: i64,
        /// The largest value.
        #[cfg_attr(test, ts(type = "number"))]
        max: i64,
    },
    /// f64, uniform in `min..max`.
    Float {
        /// The lower bound.
        min: f64,
        /// The upper bound.
        max: f64,
    },
    /// utf8, one of the values: uniform, or by Zipf's law with the given exponent.
    Choice {
        /// The values.
        values: Vec<String>,
        /// The exponent; 0 is uniform.
        exponent: f64,
    },
    /// timestamp: `start + row × step − uniform(0..=jitter)`; µs.
    Timestamp {
        /// The first row's time before jitter, µs since the epoch.
        #[cfg_attr(test, ts(type = "number"))]
        start: i64,
        /// The distance between rows; µs.
        #[cfg_attr(test, ts(type = "number"))]
        step: i64,
        /// How far back a row may lie; µs.
        #[cfg_attr(test, ts(type = "number"))]
        jitter: i64,
    },
}
