//! The Arrow types that headrace carries, and how columns of other types are widened to them.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date64Type, DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Date32Array, ListArray, PrimitiveArray, StructArray};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, FieldRef, TimeUnit};
use headrace_core::{Code, Error, Result};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Whether a type is that of a dictionary column, the one kind of dictionary that is carried.
pub fn is_dictionary(data_type: &DataType) -> bool {
    let DataType::Dictionary(place, value) = data_type else { return false };
    (place.as_ref(), value.as_ref()) == (&DataType::Int32, &DataType::Utf8)
}

/// The carried type that holds every value of `from`: small integers widen, times of any unit and zone become
/// microseconds in UTC, other layouts of text, bytes and lists become the plain one, dictionaries the type of their values. `None` for a
/// type that headrace does not carry, such as unsigned 64-bit integers, decimals, times of day and maps.
pub fn carried_type(from: &DataType) -> Option<DataType> {
    Some(match from {
        DataType::Boolean | DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 => from.clone(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, _) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Dictionary(_, value) => carried_type(value)?,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new_list_field(carried_type(item.data_type())?, true)))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| carried_field(field)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// The field under its carried type, without metadata; `None` as for [`carried_type`].
pub fn carried_field(field: &Field) -> Option<Field> {
    Some(Field::new(field.name(), carried_type(field.data_type())?, field.is_nullable()))
}

/// Whether every value of the carried type `from` is a value of the carried type `to`, exactly; text may become a
/// dictionary. Whether nulls are allowed is not compared.
pub fn widens(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Int32, DataType::Int64 | DataType::Float64) | (DataType::Float32, DataType::Float64) => true,
        (DataType::Utf8, to) if is_dictionary(to) => true,
        (DataType::List(from), DataType::List(to)) => widens(from.data_type(), to.data_type()),
        (DataType::Struct(from), DataType::Struct(to)) => {
            let same = |(from, to): (&FieldRef, &FieldRef)| {
                from.name() == to.name() && widens(from.data_type(), to.data_type())
            };
            from.len() == to.len() && from.iter().zip(to).all(same)
        }
        _ => from == to,
    }
}

/// The column under a carried type that its own type is widened to by [`carried_type`] and [`widens`]. Nanoseconds
/// round down; text becomes a dictionary of its own. The same array when it has that type already, else O(values).
///
/// # Errors
/// `HR_OVERFLOW` for a time that does not fit into microseconds, `HR_TYPE_MISMATCH` for a null in a member of a
/// struct that must not be null.
pub fn widen(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), to) {
        (DataType::Timestamp(unit, _), DataType::Timestamp(TimeUnit::Microsecond, None)) => match unit {
            TimeUnit::Second => Arc::new(micros::<TimestampSecondType, TimestampMicrosecondType>(array, unit)?),
            TimeUnit::Millisecond => {
                Arc::new(micros::<TimestampMillisecondType, TimestampMicrosecondType>(array, unit)?)
            }
            TimeUnit::Microsecond => {
                Arc::new(micros::<TimestampMicrosecondType, TimestampMicrosecondType>(array, unit)?)
            }
            TimeUnit::Nanosecond => Arc::new(micros::<TimestampNanosecondType, TimestampMicrosecondType>(array, unit)?),
        },
        (DataType::Duration(unit), DataType::Duration(TimeUnit::Microsecond)) => match unit {
            TimeUnit::Second => Arc::new(micros::<DurationSecondType, DurationMicrosecondType>(array, unit)?),
            TimeUnit::Millisecond => Arc::new(micros::<DurationMillisecondType, DurationMicrosecondType>(array, unit)?),
            TimeUnit::Microsecond => Arc::clone(array),
            TimeUnit::Nanosecond => Arc::new(micros::<DurationNanosecondType, DurationMicrosecondType>(array, unit)?),
        },
        (DataType::Date64, DataType::Date32) => {
            let days = |millis: i64| {
                i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).map_err(|_| out_of_range("date", millis))
            };
            let dates: Date32Array = array.as_primitive::<Date64Type>().try_unary(days)?;
            Arc::new(dates)
        }
        (DataType::Dictionary(_, value), to) if !is_dictionary(to) => widen(&cast(array, value)?, to)?,
        (DataType::LargeList(item) | DataType::FixedSizeList(item, _), DataType::List(_)) => {
            widen(&cast(array, &DataType::List(Arc::clone(item)))?, to)?
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = widen(list.values(), item.data_type())?;
            Arc::new(ListArray::try_new(Arc::clone(item), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let record = array.as_struct();
            let columns = record.columns().iter().zip(fields).map(|(column, field)| widen(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let nulls = record.nulls().cloned();
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, record.len())?)
        }
        _ => cast(array, to)?,
    })
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })?)
}

fn micros<From, To>(array: &ArrayRef, unit: &TimeUnit) -> Result<PrimitiveArray<To>>
where
    From: ArrowPrimitiveType<Native = i64>,
    To: ArrowPrimitiveType<Native = i64>,
{
    let values = array.as_primitive::<From>();
    let scaled = |by: i64| values.try_unary(|value| value.checked_mul(by).ok_or_else(|| out_of_range("time", value)));
    match unit {
        TimeUnit::Second => scaled(1_000_000),
        TimeUnit::Millisecond => scaled(1000),
        TimeUnit::Microsecond => Ok(PrimitiveArray::new(values.values().clone(), values.nulls().cloned())),
        TimeUnit::Nanosecond => Ok(values.unary(|value| value.div_euclid(1000))),
    }
}

fn out_of_range(what: &str, value: i64) -> Error {
    Error::new(Code::Overflow, format!("the {what} {value} lies outside the range that headrace carries"))
}

#[cfg(test)]
mod tests;
