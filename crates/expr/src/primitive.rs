//! Loops over one or two columns of fixed-width values, for kernels that Arrow does not have.

use arrow_array::{Array, ArrowPrimitiveType, BooleanArray, Datum, PrimitiveArray, cast::AsArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use headrace_core::{Error, Result};

/// A column downcast, or a defect of the compiler reported as an error.
pub(crate) fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Result<&PrimitiveArray<T>> {
    array
        .as_primitive_opt::<T>()
        .ok_or_else(|| Error::internal(format!("a kernel for {} was given {}", T::DATA_TYPE, array.data_type())))
}

/// Applies `f` to each pair of values; null where either is null.
pub(crate) fn try_binary<A, B, O>(
    left: &dyn Datum,
    right: &dyn Datum,
    f: impl Fn(A::Native, B::Native) -> Result<O::Native>,
) -> Result<PrimitiveArray<O>>
where
    A: ArrowPrimitiveType,
    B: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let ((left, left_scalar), (right, right_scalar)) = (left.get(), right.get());
    let (left, right) = (primitive::<A>(left)?, primitive::<B>(right)?);
    match (left_scalar, right_scalar) {
        (true, false) if left.is_null(0) => Ok(PrimitiveArray::new_null(right.len())),
        (false, true) if right.is_null(0) => Ok(PrimitiveArray::new_null(left.len())),
        (true, false) => right.try_unary(|value| f(left.value(0), value)),
        (false, true) => left.try_unary(|value| f(value, right.value(0))),
        _ => {
            let nulls = NullBuffer::union(left.nulls(), right.nulls());
            let mut values = vec![O::default_value(); left.len()];
            for (row, out) in values.iter_mut().enumerate() {
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                    *out = f(left.value(row), right.value(row))?;
                }
            }
            Ok(PrimitiveArray::new(values.into(), nulls))
        }
    }
}

/// Applies `f` to each pair of values; null where either is null.
pub(crate) fn compare<T: ArrowPrimitiveType>(
    left: &dyn Datum,
    right: &dyn Datum,
    f: impl Fn(T::Native, T::Native) -> bool,
) -> Result<BooleanArray> {
    let ((left, left_scalar), (right, right_scalar)) = (left.get(), right.get());
    let (left, right) = (primitive::<T>(left)?, primitive::<T>(right)?);
    Ok(match (left_scalar, right_scalar) {
        (true, false) if left.is_null(0) => BooleanArray::new_null(right.len()),
        (false, true) if right.is_null(0) => BooleanArray::new_null(left.len()),
        (true, false) => BooleanArray::new(verdicts::<T>(left, right, &f, true, false), right.nulls().cloned()),
        (false, true) => BooleanArray::new(verdicts::<T>(left, right, &f, false, true), left.nulls().cloned()),
        _ => {
            let nulls = NullBuffer::union(left.nulls(), right.nulls());
            BooleanArray::new(verdicts::<T>(left, right, &f, false, false), nulls)
        }
    })
}

/// `f` of each pair of values, null or not.
pub(crate) fn verdicts<T: ArrowPrimitiveType>(
    left: &PrimitiveArray<T>,
    right: &PrimitiveArray<T>,
    f: &impl Fn(T::Native, T::Native) -> bool,
    left_scalar: bool,
    right_scalar: bool,
) -> BooleanBuffer {
    let (lefts, rights) = (left.values(), right.values());
    if left_scalar && !right_scalar {
        let left = left.value(0);
        BooleanBuffer::collect_bool(rights.len(), |row| f(left, rights[row]))
    } else if right_scalar && !left_scalar {
        let right = right.value(0);
        BooleanBuffer::collect_bool(lefts.len(), |row| f(lefts[row], right))
    } else {
        BooleanBuffer::collect_bool(lefts.len().min(rights.len()), |row| f(lefts[row], rights[row]))
    }
}
