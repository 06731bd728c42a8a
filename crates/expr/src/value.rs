//! What a node yields: a column, or one value that stands for every row.

use arrow_array::{Array, ArrayRef, Datum, UInt32Array, new_null_array};
use arrow_schema::DataType as ArrowType;
use arrow_select::take::take;
use headrace_core::Result;

/// A column or a scalar; kernels take both as a [`Datum`].
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// One value a row.
    Array(ArrayRef),
    /// One value for all rows, in an array of length one.
    Scalar(ArrayRef),
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        match self {
            Value::Array(array) => (array.as_ref(), false),
            Value::Scalar(array) => (array.as_ref(), true),
        }
    }
}

impl Value {
    /// A null of a type, for every row.
    pub(crate) fn null(data_type: &ArrowType) -> Self {
        Value::Scalar(new_null_array(data_type, 1))
    }

    /// The result of a kernel: a scalar when everything it was given was scalar.
    pub(crate) fn of(array: ArrayRef, scalar: bool) -> Self {
        if scalar { Value::Scalar(array) } else { Value::Array(array) }
    }

    /// Whether it is one value for all rows.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self, Value::Scalar(_))
    }

    /// The values, without regard to whether they stand for one row or all.
    pub(crate) fn array(&self) -> &ArrayRef {
        match self {
            Value::Array(array) | Value::Scalar(array) => array,
        }
    }

    /// A column of `rows` rows; a scalar is repeated.
    pub(crate) fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Value::Array(array) => Ok(array),
            Value::Scalar(array) if rows == 1 => Ok(array),
            Value::Scalar(array) if array.is_null(0) => Ok(new_null_array(array.data_type(), rows)),
            Value::Scalar(array) => Ok(take(&array, &UInt32Array::from_value(0, rows), None)?),
        }
    }
}
