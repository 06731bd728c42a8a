//! The plan: plain, versioned data that says what a pipeline is. The TypeScript builder writes it, the compiler in
//! `runtime` reads it, and nothing else passes between the two. The types here are the one definition: the
//! TypeScript side (`ts/plan/generated.ts`) is generated from them by this crate's test.

pub mod aggregate;
pub mod data_type;
pub mod expr;
pub mod node;
pub mod options;

pub use aggregate::{AggregateFunction, NamedAggregate};
pub use data_type::{DataType, Field};
pub use expr::{BinaryOp, Expr, Function, Literal, NamedExpr, UnaryOp, WhenThen};
pub use node::{GeneratorColumn, GeneratorValue, HostMapMode, Input, Node, Op, Plan};
pub use options::JobOptions;

/// The version of the plan format; a plan of another version is refused.
pub const PLAN_VERSION: u32 = 1;

#[cfg(test)]
mod tests;
