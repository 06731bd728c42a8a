//! Values of any type, and columns of them.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, DurationMicrosecondArray, Float32Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, cast::AsArray, types::*,
};
use headrace_plan::DataType;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Bool(bool),
    I32(i32),
    I64(i64),
    F32(f32),
    F64(f64),
    Text(String),
    Time(i64),
    Span(i64),
    Day(i32),
}

impl Val {
    /// Whether two values are the same in type and bits; all NaNs are one.
    pub(crate) fn same(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::F32(a), Val::F32(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Val::F64(a), Val::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (a, b) => a == b,
        }
    }
}

impl From<bool> for Val {
    fn from(value: bool) -> Val {
        Val::Bool(value)
    }
}

impl From<&str> for Val {
    fn from(value: &str) -> Val {
        Val::Text(value.into())
    }
}

macro_rules! collect {
    ($array:ty, $values:ident, $pattern:path) => {
        Arc::new(<$array>::from_iter($values.iter().map(|value| match value {
            $pattern(value) => Some(value.clone()),
            Val::Null => None,
            other => panic!("{other:?} in a column of another type"),
        })))
    };
}

/// A column of a type.
pub(crate) fn column(data: &DataType, values: &[Val]) -> ArrayRef {
    match data {
        DataType::Bool => collect!(BooleanArray, values, Val::Bool),
        DataType::I32 => collect!(Int32Array, values, Val::I32),
        DataType::I64 => collect!(Int64Array, values, Val::I64),
        DataType::F32 => collect!(Float32Array, values, Val::F32),
        DataType::F64 => collect!(Float64Array, values, Val::F64),
        DataType::Utf8 => collect!(StringArray, values, Val::Text),
        DataType::Binary => collect!(BinaryArray, values, Val::Text),
        DataType::Date => collect!(Date32Array, values, Val::Day),
        DataType::Timestamp => collect!(TimestampMicrosecondArray, values, Val::Time),
        DataType::Duration => collect!(DurationMicrosecondArray, values, Val::Span),
        other => panic!("no columns of {other:?} here"),
    }
}

/// The values of a column.
pub(crate) fn values(array: &ArrayRef) -> Vec<Val> {
    let data = DataType::from_arrow(array.data_type()).expect("a type of headrace");
    let value = |row: usize| match data {
        DataType::Bool => Val::Bool(array.as_boolean().value(row)),
        DataType::I32 => Val::I32(array.as_primitive::<Int32Type>().value(row)),
        DataType::I64 => Val::I64(array.as_primitive::<Int64Type>().value(row)),
        DataType::F32 => Val::F32(array.as_primitive::<Float32Type>().value(row)),
        DataType::F64 => Val::F64(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => Val::Text(array.as_string::<i32>().value(row).into()),
        DataType::Binary => Val::Text(String::from_utf8_lossy(array.as_binary::<i32>().value(row)).into()),
        DataType::Date => Val::Day(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp => Val::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Duration => Val::Span(array.as_primitive::<DurationMicrosecondType>().value(row)),
        ref other => panic!("no values of {other:?} here"),
    };
    (0..array.len()).map(|row| if array.is_null(row) { Val::Null } else { value(row) }).collect()
}
