//! Types of operands: their names, what they widen to, and the errors when they do not fit.

use headrace_core::{Code, Error, Result};
use headrace_plan::{DataType, Expr};

use crate::cast;
use crate::describe::describe;
use crate::node::Node;
use crate::value::Value;

/// A compiled operand and what is known of it.
pub(crate) struct Typed<'a> {
    /// What the user wrote, for messages.
    pub expr: &'a Expr,
    pub node: Node,
    /// `None` for a null that has not met a type yet.
    pub data_type: Option<DataType>,
    pub nullable: bool,
}

/// A type as the builder spells it: `i64`, `utf8`, `list<i32>`, `struct<a: i32>`.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Bool => "bool".into(),
        DataType::I32 => "i32".into(),
        DataType::I64 => "i64".into(),
        DataType::F32 => "f32".into(),
        DataType::F64 => "f64".into(),
        DataType::Utf8 => "utf8".into(),
        DataType::Dictionary => "dictionary".into(),
        DataType::Binary => "binary".into(),
        DataType::Date => "date".into(),
        DataType::Timestamp => "timestamp".into(),
        DataType::Duration => "duration".into(),
        DataType::List { item } => format!("list<{}>", type_name(item)),
        DataType::Struct { fields } => {
            let members: Vec<_> =
                fields.iter().map(|field| format!("{}: {}", field.name, type_name(&field.data))).collect();
            format!("struct<{}>", members.join(", "))
        }
    }
}

pub(crate) fn is_integer(data_type: &DataType) -> bool {
    matches!(data_type, DataType::I32 | DataType::I64)
}

pub(crate) fn is_float(data_type: &DataType) -> bool {
    matches!(data_type, DataType::F32 | DataType::F64)
}

pub(crate) fn is_numeric(data_type: &DataType) -> bool {
    is_integer(data_type) || is_float(data_type)
}

/// The type that two types widen to without a cast.
fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        _ if a == b => Some(a.clone()),
        _ if is_integer(a) && is_integer(b) => Some(DataType::I64),
        _ if is_numeric(a) && is_numeric(b) => Some(DataType::F64),
        (DataType::Date, DataType::Timestamp) | (DataType::Timestamp, DataType::Date) => Some(DataType::Timestamp),
        _ => None,
    }
}

/// The type that all operands convert to; `None` when there is none, or when all are untyped nulls.
///
/// Columns and computed values come first, then bare literals, which adapt: to `f32` a float or integer literal becomes
/// `f32`, where an `f64` column would have made both `f64`. A literal behind a cast has the type that the cast says.
pub(crate) fn unify(operands: &[&Typed]) -> Option<DataType> {
    let is_literal = |operand: &&&Typed| matches!(operand.expr, Expr::Literal { .. });
    let values = operands.iter().filter(|operand| !is_literal(operand)).filter_map(|value| value.data_type.clone());
    let mut result = None;
    for data_type in values {
        result = Some(result.map_or(Some(data_type.clone()), |so_far| common(&so_far, &data_type))?);
    }
    let adapts = result == Some(DataType::F32);
    for literal in operands.iter().filter(is_literal) {
        let Some(data_type) = &literal.data_type else { continue };
        result = match result {
            None => Some(data_type.clone()),
            Some(DataType::F32) if adapts && fits_f32(literal) => Some(DataType::F32),
            Some(so_far) => Some(common(&so_far, data_type)?),
        };
    }
    result
}

// Whether a literal is a number that loses no more than precision as an `f32`.
fn fits_f32(literal: &Typed) -> bool {
    match (&literal.data_type, &literal.node) {
        (Some(data_type), _) if is_integer(data_type) => true,
        (Some(DataType::F64), Node::Literal(value)) => {
            cast::kernel(&DataType::F64, &DataType::F32, false).is_some_and(|cast| cast(value.array()).is_ok())
        }
        _ => false,
    }
}

/// Converts an operand to a type that [`unify`] chose for it; literals are converted here and now.
///
/// # Errors
/// `HR_CAST_FAILED` for a literal outside the range of the type.
pub(crate) fn coerce<'a>(operand: Typed<'a>, to: &DataType) -> Result<Typed<'a>> {
    let Typed { expr, node, data_type, nullable } = operand;
    let node = match (&data_type, node) {
        (None, _) => Node::Literal(Value::null(&to.to_arrow())),
        (Some(from), node) if from == to => node,
        (Some(from), node) => {
            let kernel = cast::kernel(from, to, false)
                .ok_or_else(|| Error::internal(format!("no conversion of {} to {}", type_name(from), type_name(to))))?;
            match node {
                Node::Literal(value) => Node::Literal(Value::Scalar(kernel(value.array().as_ref())?)),
                node => Node::Unary { kernel, arg: Box::new(node) },
            }
        }
    };
    Ok(Typed { expr, node, data_type: Some(to.clone()), nullable })
}

/// An operand as one type, an untyped null included.
///
/// # Errors
/// `HR_TYPE_MISMATCH`, naming `operation` and what was given, when the operand is of another type that does not widen.
pub(crate) fn expect<'a>(operation: &str, operand: Typed<'a>, wanted: &DataType, hint: &str) -> Result<Typed<'a>> {
    match &operand.data_type {
        Some(given) if common(given, wanted).as_ref() != Some(wanted) => Err(Error::new(
            Code::TypeMismatch,
            format!("{operation} takes {}, not {}", type_name(wanted), given_as(&operand)),
        )
        .hint(hint)),
        _ => coerce(operand, wanted),
    }
}

/// `HR_TYPE_MISMATCH` for operands that an operation does not take together.
pub(crate) fn mismatch(operation: &str, operands: &[&Typed], hint: impl Into<String>) -> Error {
    let given: Vec<_> = operands.iter().map(|operand| given_as(operand)).collect();
    Error::new(Code::TypeMismatch, format!("'{operation}' does not take {}", given.join(" and "))).hint(hint)
}

/// An operand as a message names it, such as `utf8 (origin)`.
pub(crate) fn given_as(operand: &Typed) -> String {
    let data_type = operand.data_type.as_ref().map_or_else(|| "null".to_owned(), type_name);
    let text = describe(operand.expr);
    if data_type == text { text } else { format!("{data_type} ({text})") }
}
