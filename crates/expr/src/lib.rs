//! Expressions over batches: Arrow kernels behind headrace's own typed nodes.
//!
//! [`compile`] turns the plan's untyped [`headrace_plan::Expr`] into a [`Compiled`] expression for one schema: names
//! are resolved, types inferred and numeric operands widened, so that nothing is left to decide per batch.
//! [`Compiled::evaluate`] then runs one kernel a node over whole columns.
//!
//! # Types
//! - Mixed numbers widen: `i32` to `i64`, and anything mixed with a float to `f64`. A literal takes the type of the
//!   other side where it loses nothing but float precision; a null takes any type. `date` widens to `timestamp`.
//! - Nothing else is converted silently; `cast` is the way.
//! - `year` and the other parts of a time, `length` and `micros` are `i64`. `floor`, `ceil` and `round` keep a float's
//!   type and make an integer `f64`; `sqrt` is `f64`.
//!
//! # Values
//! The meaning of each operation is DuckDB's, save where the plan says otherwise. `-0.0` equals `0.0`, one NaN equals
//! another and is above every number. Text is measured in characters (Unicode scalar values). Integer overflow and
//! integer division by zero are errors, never silent.
//!
//! Where it deliberately differs from DuckDB 1.5, besides what the plan says:
//! - an integer and an `f32` meet in `f64`, which holds both, where DuckDB takes `f32`;
//! - `trim` removes all white space, DuckDB's spaces only;
//! - `substring` takes any positions, DuckDB refuses those beyond 2³²;
//! - text with an offset such as `+02` becomes the timestamp in UTC, where DuckDB's `TIMESTAMP` drops the offset; text
//!   that goes on after a date is refused; NaN is `nan` whatever its sign;
//! - a float that only rounding puts outside `i32` or `i64` is a failed cast, where DuckDB wraps around;
//! - `utf8` and `binary` convert by their UTF-8 bytes, without DuckDB's `\x` escapes.
//!
//! # Errors in the data
//! `case`, `coalesce`, `and` and `or` never fail on a row for which the failing operand is not needed, reading from
//! left to right. An error always is that of the first bad row, whatever the batch size, and
//! [`Compiled::evaluate_batch`] names that row.
//!
//! The crate is pure: no clock, no randomness, no threads, no I/O.

mod arithmetic;
mod calendar;
mod cast;
mod comparison;
mod compile;
mod compiled;
mod conditional;
mod describe;
mod function;
mod like;
mod literal;
mod math;
mod node;
mod primitive;
mod temporal;
mod text;
mod typing;
mod value;

pub use compile::{compile, compile_column, compile_predicate};
pub use compiled::{Compiled, predicate, predicate_batch};
pub use typing::type_name;
