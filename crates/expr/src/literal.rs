//! Literals as scalars.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DurationMicrosecondArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use headrace_core::{Code, Error, Result};
use headrace_plan::{DataType, Literal};

/// The type and value of a literal; `None` for a null, which has no type of its own.
///
/// # Errors
/// `HR_PLAN_INVALID` when the digits of a number do not parse.
pub(crate) fn scalar(literal: &Literal) -> Result<Option<(DataType, ArrayRef)>> {
    Ok(Some(match literal {
        Literal::Null => return Ok(None),
        Literal::Bool { value } => (DataType::Bool, Arc::new(BooleanArray::from(vec![*value]))),
        Literal::I32 { value } => (DataType::I32, Arc::new(Int32Array::from(vec![*value]))),
        Literal::I64 { value } => (DataType::I64, Arc::new(Int64Array::from(vec![integer(value, "i64")?]))),
        Literal::F64 { value } => (DataType::F64, Arc::new(Float64Array::from(vec![float(value)?]))),
        Literal::Utf8 { value } => (DataType::Utf8, Arc::new(StringArray::from(vec![value.as_str()]))),
        Literal::Timestamp { value } => {
            (DataType::Timestamp, Arc::new(TimestampMicrosecondArray::from(vec![integer(value, "timestamp")?])))
        }
        Literal::Duration { value } => {
            (DataType::Duration, Arc::new(DurationMicrosecondArray::from(vec![integer(value, "duration")?])))
        }
        Literal::Date { value } => (DataType::Date, Arc::new(Date32Array::from(vec![*value]))),
    }))
}

fn integer(digits: &str, data_type: &str) -> Result<i64> {
    digits.parse().map_err(|_| invalid(digits, data_type))
}

fn float(text: &str) -> Result<f64> {
    text.parse().map_err(|_| invalid(text, "f64"))
}

fn invalid(text: &str, data_type: &str) -> Error {
    Error::new(Code::PlanInvalid, format!("the {data_type} literal '{text}' is not a number of that type"))
        .hint("Literals travel as decimal digits within the range of their type.")
}
