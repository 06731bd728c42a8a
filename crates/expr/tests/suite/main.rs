//! The expressions of headrace as a user meets them: compiled from plans and evaluated on batches.
//!
//! [`naive`] is the oracle: one row at a time, written from the plan's documentation and DuckDB's answers, sharing no
//! code with the crate and no Arrow kernel.

mod arithmetic;
mod build;
mod cast;
mod comparison;
mod conditional;
mod dictionary;
mod errors;
mod generate;
mod naive;
mod property;
mod text;
mod time;
mod value;
