//! Comparisons. Arrow's kernels serve all types but floats, whose order here is SQL's: `-0.0` equals `0.0`, a NaN equals
//! every NaN and is above everything else. (Arrow's is IEEE 754's total order, which tells these apart.)

use std::sync::Arc;

use arrow_arith::boolean::is_null;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum,
    types::{Float32Type, Float64Type},
};
use arrow_buffer::BooleanBuffer;
use arrow_ord::cmp;
use arrow_schema::ArrowError;
use headrace_core::Result;
use headrace_plan::{BinaryOp, DataType};

use crate::node::BinaryKernel;
use crate::primitive::{compare, primitive, verdicts};
use crate::typing::{Typed, type_name};

/// What to do about two types that do not compare.
pub(crate) fn hint(left: &Typed, right: &Typed) -> String {
    match (&left.data_type, &right.data_type) {
        (None, None) => "Give one null a type with .cast(…), or ask with isNull().".to_owned(),
        (Some(a), Some(DataType::Utf8)) | (Some(DataType::Utf8), Some(a)) => {
            format!("Cast the text with .cast(t.{}()).", type_name(a))
        }
        _ => "Cast one side to the type of the other with .cast(…).".to_owned(),
    }
}

/// The kernel of a comparison of two values of one type; `None` for types that have no order, and for other operations.
pub(crate) fn kernel(op: BinaryOp, data_type: &DataType) -> Option<BinaryKernel> {
    match data_type {
        DataType::F32 => floats::<Float32Type>(op),
        DataType::F64 => floats::<Float64Type>(op),
        DataType::List { .. } | DataType::Struct { .. } => None,
        _ => others(op),
    }
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> std::result::Result<BooleanArray, ArrowError>;

fn others(op: BinaryOp) -> Option<BinaryKernel> {
    let kernel: Kernel = match op {
        BinaryOp::Eq => cmp::eq,
        BinaryOp::Ne => cmp::neq,
        BinaryOp::Lt => cmp::lt,
        BinaryOp::Le => cmp::lt_eq,
        BinaryOp::Gt => cmp::gt,
        BinaryOp::Ge => cmp::gt_eq,
        BinaryOp::IsNotDistinctFrom => cmp::not_distinct,
        _ => return None,
    };
    Some(Box::new(move |left, right| Ok(Arc::new(kernel(left, right)?))))
}

/// A float as SQL orders it.
trait Float: arrow_array::ArrowPrimitiveType {
    fn equal(a: Self::Native, b: Self::Native) -> bool;
    fn less(a: Self::Native, b: Self::Native) -> bool;
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            fn equal(a: Self::Native, b: Self::Native) -> bool {
                a == b || (a.is_nan() && b.is_nan())
            }

            fn less(a: Self::Native, b: Self::Native) -> bool {
                a < b || (b.is_nan() && !a.is_nan())
            }
        }
    };
}
float!(Float32Type);
float!(Float64Type);

fn floats<T: Float>(op: BinaryOp) -> Option<BinaryKernel> {
    Some(match op {
        BinaryOp::Eq => boxed::<T>(T::equal),
        BinaryOp::Ne => boxed::<T>(|a, b| !T::equal(a, b)),
        BinaryOp::Lt => boxed::<T>(T::less),
        BinaryOp::Le => boxed::<T>(|a, b| !T::less(b, a)),
        BinaryOp::Gt => boxed::<T>(|a, b| T::less(b, a)),
        BinaryOp::Ge => boxed::<T>(|a, b| !T::less(a, b)),
        BinaryOp::IsNotDistinctFrom => Box::new(not_distinct::<T>),
        _ => return None,
    })
}

fn boxed<T: Float>(f: impl Fn(T::Native, T::Native) -> bool + Send + Sync + 'static) -> BinaryKernel {
    Box::new(move |left, right| Ok(Arc::new(compare::<T>(left, right, &f)?)))
}

// Equal where both have a value and the values are equal, or both are null.
fn not_distinct<T: Float>(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef> {
    let ((left, left_scalar), (right, right_scalar)) = (left.get(), right.get());
    let (left, right) = (primitive::<T>(left)?, primitive::<T>(right)?);
    let equal = verdicts::<T>(left, right, &T::equal, left_scalar, right_scalar);
    let missing = |array: &dyn Array, scalar: bool| match scalar {
        true => Ok(repeat(array.is_null(0), equal.len())),
        false => is_null(array).map(|flags| flags.values().clone()),
    };
    let (left, right) = (missing(left, left_scalar)?, missing(right, right_scalar)?);
    let neither = &!&left & &!&right;
    Ok(Arc::new(BooleanArray::new(&(&equal & &neither) | &(&left & &right), None)))
}

fn repeat(value: bool, len: usize) -> BooleanBuffer {
    if value { BooleanBuffer::new_set(len) } else { BooleanBuffer::new_unset(len) }
}
