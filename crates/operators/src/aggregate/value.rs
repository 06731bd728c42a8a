//! Single values of any column type, for the aggregates that keep values as they are.

use std::{cmp::Ordering, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, DurationMicrosecondArray, Float32Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, cast::AsArray,
};
use headrace_core::{Code, Error, Result, key::float_bits};
use headrace_plan::DataType;

use super::damaged;

/// A value that is not null: every integer-like type is an `i64`, every float an `f64`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Float(f64),
    Bytes(Box<[u8]>),
}

/// A value still in its column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueRef<'a> {
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
}

impl ValueRef<'_> {
    pub(crate) fn to_owned(self) -> Value {
        match self {
            ValueRef::Int(value) => Value::Int(value),
            ValueRef::Float(value) => Value::Float(value),
            ValueRef::Bytes(value) => Value::Bytes(value.into()),
        }
    }

    /// Bytes whose order is the order of the values: integers and floats big-endian with the sign folded in.
    pub(crate) fn ordered_bytes(self, out: &mut Vec<u8>) {
        match self {
            ValueRef::Int(value) => out.extend_from_slice(&(value as u64 ^ (1 << 63)).to_be_bytes()),
            ValueRef::Float(value) => {
                let bits = float_bits(value);
                let folded = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
                out.extend_from_slice(&folded.to_be_bytes());
            }
            ValueRef::Bytes(value) => out.extend_from_slice(value),
        }
    }
}

impl Value {
    pub(crate) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Int(value) => ValueRef::Int(*value),
            Value::Float(value) => ValueRef::Float(*value),
            Value::Bytes(value) => ValueRef::Bytes(value),
        }
    }

    /// The inverse of [`ValueRef::ordered_bytes`] for a column of type `data`.
    pub(crate) fn from_ordered_bytes(bytes: &[u8], data: &DataType) -> Result<Value> {
        let folded = || bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged());
        Ok(match data {
            DataType::Utf8 | DataType::Binary => Value::Bytes(bytes.into()),
            DataType::F32 | DataType::F64 => {
                let folded = folded()?;
                Value::Float(f64::from_bits(if folded >> 63 == 1 { folded ^ (1 << 63) } else { !folded }))
            }
            _ => Value::Int((folded()? ^ (1 << 63)) as i64),
        })
    }
}

/// The order of values of one type: NaN above every number, `-0.0` equal to `0.0`.
pub(crate) fn compare(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Int(a), ValueRef::Int(b)) => a.cmp(&b),
        (ValueRef::Float(a), ValueRef::Float(b)) => a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
        (ValueRef::Bytes(a), ValueRef::Bytes(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

/// A column whose type has been looked at.
pub(crate) enum Values<'a> {
    Bool(&'a BooleanArray),
    I32(&'a Int32Array),
    I64(&'a Int64Array),
    F32(&'a Float32Array),
    F64(&'a Float64Array),
    Utf8(&'a StringArray),
    Binary(&'a BinaryArray),
    Date(&'a Date32Array),
    Timestamp(&'a TimestampMicrosecondArray),
    Duration(&'a DurationMicrosecondArray),
}

impl<'a> Values<'a> {
    pub(crate) fn new(column: Option<&'a ArrayRef>) -> Result<Self> {
        let column = column.ok_or_else(|| Error::internal("an aggregate has no argument"))?;
        Ok(match DataType::from_arrow(column.data_type())? {
            DataType::Bool => Values::Bool(column.as_boolean()),
            DataType::I32 => Values::I32(column.as_primitive()),
            DataType::I64 => Values::I64(column.as_primitive()),
            DataType::F32 => Values::F32(column.as_primitive()),
            DataType::F64 => Values::F64(column.as_primitive()),
            DataType::Utf8 => Values::Utf8(column.as_string()),
            DataType::Binary => Values::Binary(column.as_binary()),
            DataType::Date => Values::Date(column.as_primitive()),
            DataType::Timestamp => Values::Timestamp(column.as_primitive()),
            DataType::Duration => Values::Duration(column.as_primitive()),
            other => {
                return Err(Error::new(Code::TypeMismatch, format!("values of type {other:?} cannot be aggregated")));
            }
        })
    }

    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<ValueRef<'a>> {
        match self {
            Values::Bool(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row).into())),
            Values::I32(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row).into())),
            Values::I64(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row))),
            Values::F32(column) => column.is_valid(row).then(|| ValueRef::Float(column.value(row).into())),
            Values::F64(column) => column.is_valid(row).then(|| ValueRef::Float(column.value(row))),
            Values::Utf8(column) => column.is_valid(row).then(|| ValueRef::Bytes(column.value(row).as_bytes())),
            Values::Binary(column) => column.is_valid(row).then(|| ValueRef::Bytes(column.value(row))),
            Values::Date(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row).into())),
            Values::Timestamp(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row))),
            Values::Duration(column) => column.is_valid(row).then(|| ValueRef::Int(column.value(row))),
        }
    }
}

/// A column of type `data` from values.
pub(crate) fn build<'a>(data: &DataType, values: impl Iterator<Item = Option<ValueRef<'a>>>) -> Result<ArrayRef> {
    let int = |value: Option<ValueRef<'_>>| match value {
        Some(ValueRef::Int(value)) => Some(value),
        _ => None,
    };
    let float = |value: Option<ValueRef<'_>>| match value {
        Some(ValueRef::Float(value)) => Some(value),
        _ => None,
    };
    let bytes = |value: Option<ValueRef<'a>>| match value {
        Some(ValueRef::Bytes(value)) => Some(value),
        _ => None,
    };
    Ok(match data {
        DataType::Bool => Arc::new(values.map(|value| int(value).map(|value| value != 0)).collect::<BooleanArray>()),
        DataType::I32 => Arc::new(values.map(|value| int(value).map(|value| value as i32)).collect::<Int32Array>()),
        DataType::I64 => Arc::new(values.map(int).collect::<Int64Array>()),
        DataType::F32 => Arc::new(values.map(|value| float(value).map(|value| value as f32)).collect::<Float32Array>()),
        DataType::F64 => Arc::new(values.map(float).collect::<Float64Array>()),
        DataType::Date => Arc::new(values.map(|value| int(value).map(|value| value as i32)).collect::<Date32Array>()),
        DataType::Timestamp => Arc::new(values.map(int).collect::<TimestampMicrosecondArray>()),
        DataType::Duration => Arc::new(values.map(int).collect::<DurationMicrosecondArray>()),
        DataType::Binary => Arc::new(values.map(bytes).collect::<BinaryArray>()),
        DataType::Utf8 => {
            let mut out = arrow_array::builder::StringBuilder::new();
            for value in values {
                let text = bytes(value).map(std::str::from_utf8).transpose();
                out.append_option(text.map_err(|_| damaged())?);
            }
            Arc::new(out.finish())
        }
        other => return Err(Error::new(Code::TypeMismatch, format!("values of type {other:?} cannot be aggregated"))),
    })
}

const INT: u8 = 1;
const FLOAT: u8 = 2;
const BYTES: u8 = 3;

/// Appends a value with its tag; the value takes the rest of the stored state.
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int(value) => {
            out.push(INT);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Float(value) => {
            out.push(FLOAT);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Value::Bytes(value) => {
            out.push(BYTES);
            out.extend_from_slice(value);
        }
    }
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value> {
    let (&tag, rest) = bytes.split_first().ok_or_else(damaged)?;
    let fixed = || rest.try_into().map(u64::from_le_bytes).map_err(|_| damaged());
    Ok(match tag {
        INT => Value::Int(fixed()? as i64),
        FLOAT => Value::Float(f64::from_bits(fixed()?)),
        BYTES => Value::Bytes(rest.into()),
        _ => return Err(damaged()),
    })
}
