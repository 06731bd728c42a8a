//! Functions of timestamps, dates and durations.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef,
    types::{Date32Type, DurationMicrosecondType, Int64Type, TimestampMicrosecondType},
};
use headrace_core::{Code, Error, Result};

use crate::arithmetic::overflow;
use crate::calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, civil_from_days, iso_weekday, split};
use crate::node::{BinaryKernel, UnaryKernel};
use crate::primitive::{primitive, try_binary};

/// A part of a time in UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    /// Monday 1 to Sunday 7.
    DayOfWeek,
}

impl Part {
    /// Of so many microseconds into a day.
    fn of(self, days: i64, micros: i64) -> i64 {
        match self {
            Part::Year => civil_from_days(days).year,
            Part::Month => civil_from_days(days).month,
            Part::Day => civil_from_days(days).day,
            Part::Hour => micros / MICROS_PER_HOUR,
            Part::Minute => micros % MICROS_PER_HOUR / MICROS_PER_MINUTE,
            Part::DayOfWeek => iso_weekday(days),
        }
    }
}

/// The kernel of a part of a timestamp.
pub(crate) fn part_of_timestamp(part: Part) -> UnaryKernel {
    Box::new(move |times| {
        Ok(Arc::new(primitive::<TimestampMicrosecondType>(times)?.unary::<_, Int64Type>(|time| {
            let (days, micros) = split(time);
            part.of(days, micros)
        })))
    })
}

/// The kernel of a part of a date, which is taken at midnight.
pub(crate) fn part_of_date(part: Part) -> UnaryKernel {
    Box::new(move |dates| {
        Ok(Arc::new(primitive::<Date32Type>(dates)?.unary::<_, Int64Type>(|days| part.of(days.into(), 0))))
    })
}

/// The kernel of `truncateTo`: a timestamp rounded down to a multiple of a duration since the epoch.
pub(crate) fn truncate_to(text: String) -> BinaryKernel {
    type Time = TimestampMicrosecondType;
    Box::new(move |times, units| {
        Ok(Arc::new(try_binary::<Time, DurationMicrosecondType, Time>(times, units, |time, unit| {
            if unit <= 0 {
                let message = format!("{text} rounds to a multiple of {unit} µs");
                return Err(Error::new(Code::OptionInvalid, message).hint("The duration must be above zero."));
            }
            time.checked_sub(time.rem_euclid(unit))
                .ok_or_else(|| overflow(&format!("{time} rounded down by {unit}"), &text, "timestamp"))
        })?))
    })
}

/// Microseconds since the epoch, without a copy.
pub(crate) fn timestamp_micros(times: &dyn Array) -> Result<ArrayRef> {
    Ok(Arc::new(primitive::<TimestampMicrosecondType>(times)?.reinterpret_cast::<Int64Type>()))
}

/// The length of a duration in microseconds, without a copy.
pub(crate) fn duration_to_micros(spans: &dyn Array) -> Result<ArrayRef> {
    Ok(Arc::new(primitive::<DurationMicrosecondType>(spans)?.reinterpret_cast::<Int64Type>()))
}

/// A duration of so many microseconds, without a copy.
pub(crate) fn micros_to_duration(micros: &dyn Array) -> Result<ArrayRef> {
    Ok(Arc::new(primitive::<Int64Type>(micros)?.reinterpret_cast::<DurationMicrosecondType>()))
}
