//! Casts. What converts to what, and how values that cannot be converted are treated.
//!
//! | from | to |
//! |---|---|
//! | any | itself |
//! | `bool` | numbers (0, 1), `utf8` |
//! | numbers | `bool` (not zero), numbers, `utf8` |
//! | `utf8` | `bool`, numbers, `date`, `timestamp`, `binary` (its UTF-8 bytes) |
//! | what converts to `utf8` | `dictionary`, one of its own for each batch |
//! | `date` | `timestamp` (midnight), `utf8` |
//! | `timestamp` | `date` (rounded down), `utf8` |
//! | `duration` | `utf8` |
//! | `binary` | `utf8` (must be valid UTF-8) |
//!
//! A float becomes the nearest integer, halves to the even one; a text with a fraction becomes the nearest integer,
//! halves away from zero (both are DuckDB's). Times become numbers with `micros`, not with a cast.

mod number;
mod text;
mod time;

use std::fmt::Display;

use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, make_array};
use headrace_core::{Code, Error, Result};
use headrace_plan::{DataType, Expr};

use crate::describe::describe;
use crate::node::{Node, UnaryKernel};
use crate::primitive::primitive;
use crate::typing::{Typed, type_name};
use crate::value::Value;

/// Compiles a cast; `safe` yields null for values that cannot be converted.
///
/// # Errors
/// `HR_TYPE_MISMATCH` when the types do not convert at all.
pub(crate) fn compile<'a>(expr: &'a Expr, arg: Typed<'a>, to: &DataType, safe: bool) -> Result<Typed<'a>> {
    if *to == DataType::Dictionary {
        return Ok(converted(compile(expr, arg, &DataType::Utf8, safe)?, to));
    }
    let Some(from) = &arg.data_type else {
        let node = Node::Literal(Value::null(&to.to_arrow()));
        return Ok(Typed { expr, node, data_type: Some(to.clone()), nullable: true });
    };
    let Some(kernel) = kernel(from, to, safe) else {
        let message = format!("{} ({}) cannot be cast to {}", type_name(from), describe(arg.expr), type_name(to));
        return Err(Error::new(Code::TypeMismatch, message).hint(hint(from, to)));
    };
    let nullable = arg.nullable || (safe && fails(from, to));
    let node = if from == to { arg.node } else { Node::Unary { kernel, arg: Box::new(arg.node) } };
    Ok(Typed { expr, node, data_type: Some(to.clone()), nullable })
}

/// The text of a dictionary.
pub(crate) fn decode(dictionary: Typed<'_>) -> Typed<'_> {
    converted(dictionary, &DataType::Utf8)
}

// Between text and dictionaries, which Arrow converts without a failure.
fn converted<'a>(arg: Typed<'a>, to: &DataType) -> Typed<'a> {
    let node = Node::Unary { kernel: arrow(to), arg: Box::new(arg.node) };
    Typed { node, data_type: Some(to.clone()), ..arg }
}

fn hint(from: &DataType, to: &DataType) -> String {
    match (from, to) {
        (DataType::Timestamp | DataType::Duration, _) if number::is_number(to) => {
            "Use .micros() for the number of microseconds.".to_owned()
        }
        (DataType::Date, _) if number::is_number(to) => {
            "Use .cast(t.timestamp()).micros() for the number of microseconds.".to_owned()
        }
        (_, DataType::Duration) if number::is_number(from) => "Use durationMicros(…) for a duration.".to_owned(),
        (_, DataType::Timestamp | DataType::Date) if number::is_number(from) => {
            "Add durationMicros(…) to a timestamp literal.".to_owned()
        }
        _ => format!("There is no conversion of {} to {}.", type_name(from), type_name(to)),
    }
}

// Whether some value of `from` has no counterpart in `to`.
fn fails(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, Bool, Date, F32, F64, I32, I64, Timestamp, Utf8};
    match (from, to) {
        _ if from == to => false,
        (Utf8, Binary) => false,
        (Utf8 | Binary, _) | (F32 | F64, I32 | I64) | (I64, I32) | (F64, F32) | (Date, Timestamp) => true,
        (Bool | I32 | I64 | F32 | F64, _) => false,
        _ => false,
    }
}

/// The kernel that converts a type to another; `None` when there is no such conversion.
pub(crate) fn kernel(from: &DataType, to: &DataType, safe: bool) -> Option<UnaryKernel> {
    if from == to {
        return Some(Box::new(|array| Ok(make_array(array.to_data()))));
    }
    number::kernel(from, to, safe).or_else(|| text::kernel(from, to, safe)).or_else(|| time::kernel(from, to, safe))
}

/// A plain conversion that cannot fail, done by Arrow.
fn arrow(to: &DataType) -> UnaryKernel {
    let to = to.to_arrow();
    Box::new(move |array| Ok(arrow_cast::cast(array, &to)?))
}

/// Converts each value with `f`; where it yields `None`, the result is null if `safe`, else an error.
fn convert<I, O>(array: &dyn Array, safe: bool, f: impl Fn(I::Native) -> Option<O::Native>) -> Result<PrimitiveArray<O>>
where
    I: ArrowPrimitiveType<Native: Display>,
    O: ArrowPrimitiveType,
{
    let array = primitive::<I>(array)?;
    if safe {
        return Ok(array.unary_opt(f));
    }
    array.try_unary(|value| f(value).ok_or_else(|| failed::<O>(&value)))
}

/// `HR_CAST_FAILED` for a value.
fn failed<O: ArrowPrimitiveType>(value: &dyn Display) -> Error {
    failed_to(
        value,
        &DataType::from_arrow(&O::DATA_TYPE).map_or_else(|_| O::DATA_TYPE.to_string(), |to| type_name(&to)),
    )
}

fn failed_to(value: &dyn Display, to: &str) -> Error {
    Error::new(Code::CastFailed, format!("{value} cannot be cast to {to}")).hint("Use .tryCast(…) to get null instead.")
}

/// Boxes the result of a kernel.
fn array(array: impl Array + 'static) -> Result<ArrayRef> {
    Ok(std::sync::Arc::new(array))
}
