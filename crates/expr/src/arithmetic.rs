//! Arithmetic on two values: which types an operation takes, what it yields, and the kernel that computes it.

use std::sync::Arc;

use arrow_arith::numeric::{add, div, mul, neg, rem, sub};
use arrow_array::{
    ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, Datum,
    types::{DurationMicrosecondType, Int32Type, Int64Type},
};
use arrow_schema::ArrowError;
use headrace_core::{Code, Error, Result};
use headrace_plan::{BinaryOp, DataType, Expr};

use crate::describe::{describe, symbol};
use crate::node::{BinaryKernel, Node};
use crate::primitive::try_binary;
use crate::typing::{Typed, coerce, is_integer, is_numeric, mismatch, type_name, unify};

/// Compiles `+ - * / %`.
///
/// # Errors
/// `HR_TYPE_MISMATCH` for operands that the operation does not take.
pub(crate) fn compile<'a>(expr: &'a Expr, op: BinaryOp, left: Typed<'a>, right: Typed<'a>) -> Result<Typed<'a>> {
    let Some((left_type, right_type, result)) = signature(op, &left, &right)? else {
        return Err(mismatch(symbol(op), &[&left, &right], hint(op, &left, &right)));
    };
    let (left, right) = (coerce(left, &left_type)?, coerce(right, &right_type)?);
    let nullable = left.nullable || right.nullable;
    let kernel = kernel(op, &left_type, &right_type, &result, describe(expr))?;
    let node = Node::Binary { kernel, left: Box::new(left.node), right: Box::new(right.node) };
    Ok(Typed { expr, node, data_type: Some(result), nullable })
}

/// The types to convert both operands to and the type of the result; `None` when there are none.
fn signature(op: BinaryOp, left: &Typed, right: &Typed) -> Result<Option<(DataType, DataType, DataType)>> {
    use BinaryOp::{Minus, Plus, Times};
    use DataType::{Date, Duration, I64, Timestamp};
    let (l, r) = (left.data_type.as_ref(), right.data_type.as_ref());
    let time = |data: Option<&DataType>| matches!(data, Some(Timestamp | Date));
    let span = |data: Option<&DataType>| matches!(data, Some(Duration));
    let integer = |data: Option<&DataType>| data.is_some_and(is_integer);
    let untyped = |data: Option<&DataType>| data.is_none();
    Ok(match op {
        Plus | Minus if time(l) && (span(r) || untyped(r)) => Some((Timestamp, Duration, Timestamp)),
        Plus if (span(l) || untyped(l)) && time(r) => Some((Duration, Timestamp, Timestamp)),
        Minus if (time(l) || untyped(l)) && time(r) && (l, r) != (Some(&Date), Some(&Date)) => {
            Some((Timestamp, Timestamp, Duration))
        }
        Plus | Minus if (span(l) && (span(r) || untyped(r))) || (untyped(l) && span(r)) => {
            Some((Duration, Duration, Duration))
        }
        Times if span(l) && (integer(r) || untyped(r)) => Some((Duration, I64, Duration)),
        Times if (integer(l) || untyped(l)) && span(r) => Some((I64, Duration, Duration)),
        _ => unify(&[left, right]).filter(is_numeric).map(|common| (common.clone(), common.clone(), common)),
    })
}

fn hint(op: BinaryOp, left: &Typed, right: &Typed) -> String {
    let types = [left.data_type.as_ref(), right.data_type.as_ref()];
    let has = |wanted: &DataType| types.contains(&Some(wanted));
    if types == [None, None] {
        "Give one null a type, for example .cast(t.i64()).".to_owned()
    } else if types == [Some(&DataType::Date), Some(&DataType::Date)] {
        "Cast the dates with .cast(t.timestamp()) to get a duration.".to_owned()
    } else if has(&DataType::Utf8) && op == BinaryOp::Plus {
        "Join texts with concat(…), or cast the text to a number with .cast(t.f64()).".to_owned()
    } else if has(&DataType::Utf8) {
        "Cast the text to a number with .cast(t.f64()).".to_owned()
    } else if has(&DataType::Bool) {
        "Cast the boolean with .cast(t.i32()).".to_owned()
    } else if has(&DataType::Duration) && op == BinaryOp::Times {
        "A duration can be multiplied by an integer; round and cast with .cast(t.i64()).".to_owned()
    } else if has(&DataType::Duration) || has(&DataType::Timestamp) || has(&DataType::Date) {
        "Use .micros() to compute with the number of microseconds.".to_owned()
    } else {
        format!("'{}' takes numbers.", symbol(op))
    }
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> std::result::Result<ArrayRef, ArrowError>;

fn kernel(op: BinaryOp, l: &DataType, r: &DataType, result: &DataType, text: String) -> Result<BinaryKernel> {
    let kernel: Kernel = match (op, l, r) {
        (BinaryOp::Times, DataType::Duration, _) => return Ok(duration_times(text)),
        (BinaryOp::Times, _, DataType::Duration) => {
            let swapped = duration_times(text);
            return Ok(Box::new(move |left, right| swapped(right, left)));
        }
        (BinaryOp::Modulo, DataType::I32, _) => return Ok(integer_modulo::<Int32Type>(text)),
        (BinaryOp::Modulo, DataType::I64, _) => return Ok(integer_modulo::<Int64Type>(text)),
        (BinaryOp::Plus, ..) => add,
        (BinaryOp::Minus, ..) => sub,
        (BinaryOp::Times, ..) => mul,
        (BinaryOp::Divide, ..) => div,
        (BinaryOp::Modulo, ..) => rem,
        _ => return Err(Error::internal(format!("'{}' is not arithmetic", symbol(op)))),
    };
    let result = type_name(result);
    Ok(Box::new(move |left, right| kernel(left, right).map_err(|error| explain(error, &text, &result))))
}

/// The kernel of `-x` for a number or a duration.
pub(crate) fn negate(array: &dyn arrow_array::Array, text: &str, data_type: &DataType) -> Result<ArrayRef> {
    neg(array).map_err(|error| explain(error, text, &type_name(data_type)))
}

// Arrow's remainder of the smallest integer by −1 is 0; DuckDB's, like the quotient, is an overflow.
fn integer_modulo<T: ArrowPrimitiveType<Native: ArrowNativeTypeOp>>(text: String) -> BinaryKernel
where
    T::Native: CheckedRemainder,
{
    Box::new(move |left, right| {
        Ok(Arc::new(try_binary::<T, T, T>(left, right, |a, b| match a.checked_remainder(b) {
            Some(value) => Ok(value),
            None if b.is_zero() => Err(by_zero(&text)),
            None => Err(overflow(&format!("{a:?} % {b:?}"), &text, &type_name_of::<T>())),
        })?))
    })
}

fn type_name_of<T: ArrowPrimitiveType>() -> String {
    DataType::from_arrow(&T::DATA_TYPE).map_or_else(|_| T::DATA_TYPE.to_string(), |data| type_name(&data))
}

trait CheckedRemainder: Sized {
    fn checked_remainder(self, by: Self) -> Option<Self>;
}

impl CheckedRemainder for i32 {
    fn checked_remainder(self, by: i32) -> Option<i32> {
        self.checked_rem(by)
    }
}

impl CheckedRemainder for i64 {
    fn checked_remainder(self, by: i64) -> Option<i64> {
        self.checked_rem(by)
    }
}

fn duration_times(text: String) -> BinaryKernel {
    type Span = DurationMicrosecondType;
    Box::new(move |left, right| {
        Ok(Arc::new(try_binary::<Span, Int64Type, Span>(left, right, |span, times| {
            span.checked_mul(times).ok_or_else(|| overflow(&format!("{span} µs * {times}"), &text, "duration"))
        })?))
    })
}

/// An Arrow error as a user reads it, naming the expression.
fn explain(error: ArrowError, text: &str, result: &str) -> Error {
    match error {
        ArrowError::DivideByZero => by_zero(text),
        // Arrow's message is a sentence that ends with the computation, such as `1 + 2`.
        ArrowError::ArithmeticOverflow(message) => overflow(message.rsplit(": ").next().unwrap_or(""), text, result),
        other => other.into(),
    }
}

fn by_zero(text: &str) -> Error {
    Error::new(Code::DivisionByZero, format!("division by zero in {text}"))
        .hint("Guard the divisor, for example with nullIf(divisor, 0).")
}

pub(crate) fn overflow(computation: &str, text: &str, result: &str) -> Error {
    let hint = match result {
        "i32" => "Cast an operand to a wider type first, for example .cast(t.i64()).",
        "i64" => "Cast an operand first, for example .cast(t.f64()).",
        _ => "The result does not fit 64 bits of microseconds.",
    };
    Error::new(Code::Overflow, format!("{computation} leaves the range of {result} in {text}")).hint(hint)
}
