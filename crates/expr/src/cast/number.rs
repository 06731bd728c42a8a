//! Casts between booleans and numbers.

use arrow_array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, BooleanArray,
    types::{Float32Type, Float64Type, Int32Type, Int64Type},
};
use headrace_core::Result;
use headrace_plan::DataType;

use super::{array, arrow, convert};
use crate::node::UnaryKernel;
use crate::primitive::primitive;

pub(super) fn is_number(data_type: &DataType) -> bool {
    crate::typing::is_numeric(data_type)
}

pub(super) fn kernel(from: &DataType, to: &DataType, safe: bool) -> Option<UnaryKernel> {
    use DataType::{Bool, F32, F64, I32, I64};
    Some(match (from, to) {
        (Bool, I32 | I64 | F32 | F64) | (I32, I64 | F32 | F64) | (I64, F32 | F64) | (F32, F64) => arrow(to),
        (I64, I32) => {
            Box::new(move |values| array(convert::<Int64Type, Int32Type>(values, safe, |x| x.try_into().ok())?))
        }
        (F64, F32) => Box::new(move |values| array(convert::<Float64Type, Float32Type>(values, safe, narrow)?)),
        (F64, I64) => Box::new(move |values| array(convert::<Float64Type, Int64Type>(values, safe, nearest_i64)?)),
        (F64, I32) => Box::new(move |values| array(convert::<Float64Type, Int32Type>(values, safe, nearest_i32)?)),
        (F32, I64) => Box::new(move |values| {
            array(convert::<Float32Type, Int64Type>(values, safe, |value| nearest_i64(value.into()))?)
        }),
        (F32, I32) => Box::new(move |values| {
            array(convert::<Float32Type, Int32Type>(values, safe, |value| nearest_i32(value.into()))?)
        }),
        (I32, Bool) => Box::new(not_zero::<Int32Type>),
        (I64, Bool) => Box::new(not_zero::<Int64Type>),
        (F32, Bool) => Box::new(not_zero::<Float32Type>),
        (F64, Bool) => Box::new(not_zero::<Float64Type>),
        _ => return None,
    })
}

// −0 is zero, NaN is not; Arrow's own `is_zero` compares in total order and would call −0 true.
fn not_zero<T: ArrowPrimitiveType<Native: ArrowNativeTypeOp + PartialEq>>(values: &dyn Array) -> Result<ArrayRef> {
    let values = primitive::<T>(values)?;
    array(BooleanArray::from_unary(values, |value| value != T::Native::ZERO))
}

// A finite number outside the range of f32 does not silently become infinite.
fn narrow(value: f64) -> Option<f32> {
    let narrow = value as f32;
    (narrow.is_finite() || !value.is_finite()).then_some(narrow)
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// The nearest integer, halves to the even one; `None` outside the range and for NaN.
fn nearest_i64(value: f64) -> Option<i64> {
    let rounded = value.round_ties_even();
    (-TWO_TO_63..TWO_TO_63).contains(&rounded).then_some(rounded as i64)
}

fn nearest_i32(value: f64) -> Option<i32> {
    nearest_i64(value)?.try_into().ok()
}
