//! Expressions as the builder writes them: names, literals and operations, without types. Types are inferred once,
//! when the plan is compiled.

use serde::{Deserialize, Serialize};

use crate::DataType;

/// An expression over the columns of one stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Expr {
    /// A column by name.
    Column {
        /// The column's name.
        name: String,
    },
    /// A constant.
    Literal {
        /// Its type and value.
        literal: Literal,
    },
    /// An operation on one value.
    Unary {
        /// The operation.
        op: UnaryOp,
        /// Its operand.
        arg: Box<Expr>,
    },
    /// An operation on two values.
    Binary {
        /// The operation.
        op: BinaryOp,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// The first branch whose condition is true, else `otherwise`, else null.
    Case {
        /// The branches, in order.
        branches: Vec<WhenThen>,
        /// The value when no condition is true.
        otherwise: Option<Box<Expr>>,
    },
    /// A conversion to another type; `safe` yields null where it cannot be done, otherwise it is an error.
    Cast {
        /// The value.
        arg: Box<Expr>,
        /// The type to convert to.
        to: DataType,
        /// Whether an impossible conversion yields null.
        safe: bool,
    },
    /// A function of any number of values.
    Call {
        /// The function.
        function: Function,
        /// Its arguments.
        args: Vec<Expr>,
    },
}

impl Expr {
    /// Calls `visit` with the name of every column that the expression reads, as often as it reads it.
    pub fn each_column<'a>(&'a self, visit: &mut impl FnMut(&'a str)) {
        match self {
            Expr::Column { name } => visit(name),
            Expr::Literal { .. } => {}
            Expr::Unary { arg, .. } | Expr::Cast { arg, .. } => arg.each_column(visit),
            Expr::Binary { left, right, .. } => [left, right].into_iter().for_each(|arg| arg.each_column(visit)),
            Expr::Case { branches, otherwise } => {
                for branch in branches {
                    branch.when.each_column(visit);
                    branch.then.each_column(visit);
                }
                otherwise.iter().for_each(|arg| arg.each_column(visit));
            }
            Expr::Call { args, .. } => args.iter().for_each(|arg| arg.each_column(visit)),
        }
    }
}

/// A branch of a `case`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WhenThen {
    /// The condition, a boolean.
    pub when: Expr,
    /// The value when the condition is true.
    pub then: Expr,
}

/// An expression and the name of the column it becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NamedExpr {
    /// The new column's name.
    pub name: String,
    /// Its value.
    pub expr: Expr,
}

/// A constant. Values that JSON numbers cannot carry exactly travel as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Literal {
    /// Null, which takes the type its surroundings ask for.
    Null,
    /// A boolean.
    Bool {
        /// The value.
        value: bool,
    },
    /// A 32-bit integer.
    I32 {
        /// The value.
        value: i32,
    },
    /// A 64-bit integer in decimal digits.
    I64 {
        /// The digits.
        value: String,
    },
    /// A 64-bit float; text such as `"1.5"`, `"NaN"`, `"inf"`, `"-inf"`.
    F64 {
        /// The number as text.
        value: String,
    },
    /// Text.
    Utf8 {
        /// The text.
        value: String,
    },
    /// Microseconds since the epoch in decimal digits.
    Timestamp {
        /// The digits.
        value: String,
    },
    /// Microseconds in decimal digits.
    Duration {
        /// The digits.
        value: String,
    },
    /// Days since 1970-01-01.
    Date {
        /// The days.
        value: i32,
    },
}

/// An operation on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum UnaryOp {
    /// Boolean negation; null stays null.
    Not,
    /// Arithmetic negation; overflow is an error.
    Negate,
    /// Whether the value is null.
    IsNull,
    /// Whether the value is not null.
    IsNotNull,
}

/// An operation on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum BinaryOp {
    /// Addition; also timestamp + duration and duration + duration. Integer overflow is an error.
    Plus,
    /// Subtraction; also timestamp − duration, timestamp − timestamp and duration − duration.
    Minus,
    /// Multiplication; also duration × integer.
    Times,
    /// Division; of integers it truncates, and by zero it is an error.
    Divide,
    /// Remainder with the sign of the dividend; by zero on integers it is an error.
    Modulo,
    /// Equal; one NaN equals another, as in SQL engines with a total order.
    Eq,
    /// Not equal.
    Ne,
    /// Less than; NaN is greater than every number.
    Lt,
    /// Less than or equal.
    Le,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Three-valued conjunction.
    And,
    /// Three-valued disjunction.
    Or,
    /// Like `eq`, but null equals null and the result is never null.
    IsNotDistinctFrom,
}

/// A function by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Function {
    /// The first argument that is not null.
    Coalesce,
    /// Null when both arguments are equal, else the first.
    NullIf,
    /// The absolute value; overflow is an error.
    Abs,
    /// The largest integer not above, as a float.
    Floor,
    /// The smallest integer not below, as a float.
    Ceil,
    /// The nearest integer, halves away from zero, as a float.
    Round,
    /// The square root; of a negative number NaN.
    Sqrt,
    /// Text in lower case.
    Lower,
    /// Text in upper case.
    Upper,
    /// Text without white space at both ends.
    Trim,
    /// The number of characters.
    Length,
    /// All arguments joined; null if one is null.
    Concat,
    /// Part of a text: start (from 1, in characters) and optional length.
    Substring,
    /// Whether the text starts with another.
    StartsWith,
    /// Whether the text ends with another.
    EndsWith,
    /// Whether the text contains another.
    Contains,
    /// SQL LIKE: `%` and `_`.
    Like,
    /// A timestamp rounded down to a multiple of a duration since the epoch.
    TruncateTo,
    /// Microseconds since the epoch of a timestamp, or the length of a duration in microseconds.
    Micros,
    /// Year in UTC.
    Year,
    /// Month in UTC, 1–12.
    Month,
    /// Day of the month in UTC.
    Day,
    /// Hour in UTC.
    Hour,
    /// Minute in UTC.
    Minute,
    /// ISO day of the week in UTC, Monday 1 to Sunday 7.
    DayOfWeek,
    /// A duration of so many microseconds, from an integer.
    DurationMicros,
}
