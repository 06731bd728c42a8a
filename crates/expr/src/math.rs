//! Functions of one number.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType,
    types::{DurationMicrosecondType, Float32Type, Float64Type, Int32Type, Int64Type},
};
use headrace_core::{Error, Result};
use headrace_plan::DataType;

use crate::arithmetic::overflow;
use crate::node::UnaryKernel;
use crate::primitive::primitive;
use crate::typing::type_name;

/// How a float becomes a whole number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rounding {
    Floor,
    Ceil,
    /// Halves away from zero.
    Nearest,
}

/// The kernel of `floor`, `ceil` or `round` for floats.
pub(crate) fn round(rounding: Rounding, data_type: &DataType) -> Result<UnaryKernel> {
    Ok(match (data_type, rounding) {
        (DataType::F32, Rounding::Floor) => map::<Float32Type>(f32::floor),
        (DataType::F32, Rounding::Ceil) => map::<Float32Type>(f32::ceil),
        (DataType::F32, Rounding::Nearest) => map::<Float32Type>(f32::round),
        (DataType::F64, Rounding::Floor) => map::<Float64Type>(f64::floor),
        (DataType::F64, Rounding::Ceil) => map::<Float64Type>(f64::ceil),
        (DataType::F64, Rounding::Nearest) => map::<Float64Type>(f64::round),
        _ => return Err(Error::internal(format!("no rounding of {}", type_name(data_type)))),
    })
}

fn map<T: ArrowPrimitiveType>(f: fn(T::Native) -> T::Native) -> UnaryKernel {
    Box::new(move |values| Ok(Arc::new(primitive::<T>(values)?.unary::<_, T>(f))))
}

/// The square root of an `f64`; NaN for a negative number.
pub(crate) fn sqrt(values: &dyn Array) -> Result<ArrayRef> {
    Ok(Arc::new(primitive::<Float64Type>(values)?.unary::<_, Float64Type>(f64::sqrt)))
}

/// The kernel of the absolute value; `text` is the expression, for the error when there is none.
pub(crate) fn abs(data_type: &DataType, text: String) -> Result<UnaryKernel> {
    Ok(match data_type {
        DataType::I32 => checked::<Int32Type>(i32::checked_abs, data_type, text),
        DataType::I64 => checked::<Int64Type>(i64::checked_abs, data_type, text),
        DataType::Duration => checked::<DurationMicrosecondType>(i64::checked_abs, data_type, text),
        DataType::F32 => map::<Float32Type>(f32::abs),
        DataType::F64 => map::<Float64Type>(f64::abs),
        _ => return Err(Error::internal(format!("no absolute value of {}", type_name(data_type)))),
    })
}

fn checked<T: ArrowPrimitiveType>(
    f: fn(T::Native) -> Option<T::Native>,
    data_type: &DataType,
    text: String,
) -> UnaryKernel {
    let result = type_name(data_type);
    Box::new(move |values| {
        let values = primitive::<T>(values)?;
        Ok(Arc::new(values.try_unary::<_, T, Error>(|value| {
            f(value).ok_or_else(|| overflow(&format!("abs({value:?})"), &text, &result))
        })?))
    })
}
