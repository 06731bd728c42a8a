//! Aggregates as the builder writes them.

use serde::{Deserialize, Serialize};

use crate::Expr;

/// An aggregate, its filter, and the name of the column it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NamedAggregate {
    /// The new column's name.
    pub name: String,
    /// What is computed.
    pub function: AggregateFunction,
    /// Only rows for which this is true take part.
    pub filter: Option<Expr>,
}

/// What an aggregate computes. Rows whose argument is null take no part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum AggregateFunction {
    /// The number of rows, or of rows whose argument is not null; i64.
    Count {
        /// What must not be null.
        arg: Option<Expr>,
    },
    /// The sum: of integers exact as i64 (beyond it an error), of floats compensated, of durations a duration.
    Sum {
        /// The summands.
        arg: Expr,
    },
    /// The mean as f64; of integers from an exact sum.
    Avg {
        /// The values.
        arg: Expr,
    },
    /// The smallest value.
    Min {
        /// The values.
        arg: Expr,
    },
    /// The largest value; NaN is larger than every number.
    Max {
        /// The values.
        arg: Expr,
    },
    /// The sample standard deviation as f64; null below two values.
    Stddev {
        /// The values.
        arg: Expr,
    },
    /// The value of the row with the smallest event time; of equal times the first to arrive.
    First {
        /// The value.
        arg: Expr,
    },
    /// The value of the row with the largest event time; of equal times the last to arrive.
    Last {
        /// The value.
        arg: Expr,
    },
    /// The approximate number of distinct values (HyperLogLog); i64.
    ApproxDistinct {
        /// The values.
        arg: Expr,
    },
    /// The approximate `q`-quantile (t-digest) as f64.
    Quantile {
        /// The values.
        arg: Expr,
        /// The rank, 0 to 1.
        q: f64,
    },
    /// The `k` most frequent values with their counts (Count-Min and a heap), by count descending then value.
    TopK {
        /// The values.
        arg: Expr,
        /// How many.
        k: u32,
    },
}

impl AggregateFunction {
    /// The argument, if the function has one.
    pub fn arg(&self) -> Option<&Expr> {
        match self {
            AggregateFunction::Count { arg } => arg.as_ref(),
            AggregateFunction::Sum { arg }
            | AggregateFunction::Avg { arg }
            | AggregateFunction::Min { arg }
            | AggregateFunction::Max { arg }
            | AggregateFunction::Stddev { arg }
            | AggregateFunction::First { arg }
            | AggregateFunction::Last { arg }
            | AggregateFunction::ApproxDistinct { arg }
            | AggregateFunction::Quantile { arg, .. }
            | AggregateFunction::TopK { arg, .. } => Some(arg),
        }
    }
}
