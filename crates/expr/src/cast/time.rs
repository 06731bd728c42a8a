//! Casts of dates, timestamps and durations.
//!
//! As text a timestamp is `2001-02-03 10:11:12.5`, without trailing zeros of the fraction, a date its first part, and a
//! duration `-25:00:00.5`. Years before 1 are counted before Christ: `0002-01-01 (BC)` is the year −1.

use std::fmt::Write;

use arrow_array::types::{Date32Type, DurationMicrosecondType, TimestampMicrosecondType};
use headrace_plan::DataType;

use super::text::{format, is_space, parse};
use super::{array, convert};
use crate::calendar::{
    Civil, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, civil_from_days, days_from_civil,
    split,
};
use crate::node::UnaryKernel;
use crate::primitive::primitive;

pub(super) fn kernel(from: &DataType, to: &DataType, safe: bool) -> Option<UnaryKernel> {
    use DataType::{Date, Duration, Timestamp, Utf8};
    Some(match (from, to) {
        (Date, Timestamp) => Box::new(move |values| {
            array(convert::<Date32Type, TimestampMicrosecondType>(values, safe, |days| {
                i64::from(days).checked_mul(MICROS_PER_DAY)
            })?)
        }),
        // A timestamp's day always fits: 2⁶³ µs are 107 million days.
        (Timestamp, Date) => Box::new(|values| {
            array(primitive::<TimestampMicrosecondType>(values)?.unary::<_, Date32Type>(|time| split(time).0 as i32))
        }),
        (Date, Utf8) => Box::new(|values| format::<Date32Type>(values, |days, out| write_date(days.into(), out))),
        (Timestamp, Utf8) => Box::new(|values| {
            format::<TimestampMicrosecondType>(values, |time, out| {
                let (days, micros) = split(time);
                write_date(days, out)?;
                out.write_char(' ')?;
                write_clock(micros.unsigned_abs(), out)
            })
        }),
        (Duration, Utf8) => Box::new(|values| {
            format::<DurationMicrosecondType>(values, |span, out| {
                out.write_str(if span < 0 { "-" } else { "" })?;
                write_clock(span.unsigned_abs(), out)
            })
        }),
        (Utf8, Date) => Box::new(move |values| {
            array(parse::<Date32Type>(values, safe, |text| {
                parse_time(text).and_then(|time| time.days.try_into().ok())
            })?)
        }),
        (Utf8, Timestamp) => Box::new(move |values| {
            array(parse::<TimestampMicrosecondType>(values, safe, |text| parse_time(text)?.micros())?)
        }),
        _ => return None,
    })
}

fn write_date(days: i64, out: &mut impl Write) -> std::fmt::Result {
    let Civil { year, month, day } = civil_from_days(days);
    let (year, era) = if year > 0 { (year, "") } else { (1 - year, " (BC)") };
    write!(out, "{year:04}-{month:02}-{day:02}{era}")
}

fn write_clock(micros: u64, out: &mut impl Write) -> std::fmt::Result {
    const SECOND: u64 = MICROS_PER_SECOND as u64;
    let (seconds, fraction) = (micros / SECOND, micros % SECOND);
    write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
    if fraction == 0 {
        return Ok(());
    }
    let digits = format!("{fraction:06}");
    write!(out, ".{}", digits.trim_end_matches('0'))
}

/// A date with the microseconds into it, which may lie outside the day after an offset was applied.
struct Time {
    days: i64,
    clock: i64,
}

impl Time {
    fn micros(&self) -> Option<i64> {
        i64::try_from(i128::from(self.days) * i128::from(MICROS_PER_DAY) + i128::from(self.clock)).ok()
    }
}

/// `[-]YYYY-MM-DD[ (BC)]`, or with `/` for `-`, then optionally a space or `T` and `hh:mm[:ss[.ffffff]]`, then
/// optionally `Z`, ` UTC` or an offset `±hh[:mm]`, which is applied. Digits beyond microseconds are cut off.
fn parse_time(text: &str) -> Option<Time> {
    let mut rest = text.trim_matches(is_space);
    let negative = take(&mut rest, "-");
    let year = number(&mut rest, 1, 9)?;
    let separator = if take(&mut rest, "/") { "/" } else { "-" };
    if separator == "-" && !take(&mut rest, "-") {
        return None;
    }
    let month = number(&mut rest, 1, 2)?;
    if !take(&mut rest, separator) {
        return None;
    }
    let day = number(&mut rest, 1, 2)?;
    let year = match (negative, take(&mut rest, " (BC)")) {
        (true, true) => return None,
        (true, false) => -year,
        (false, true) => 1 - year,
        (false, false) => year,
    };
    let days = days_from_civil(Civil { year, month, day })?;
    if rest.is_empty() {
        return Some(Time { days, clock: 0 });
    }
    if !take(&mut rest, "T") {
        let spaced = rest.trim_start_matches(is_space);
        if spaced.len() == rest.len() {
            return None;
        }
        rest = spaced;
    }
    let clock = parse_clock(&mut rest)? - parse_offset(&mut rest)?;
    // An offset or 24:00 may lead into the day before or after.
    let (extra, clock) = (clock.div_euclid(MICROS_PER_DAY), clock.rem_euclid(MICROS_PER_DAY));
    rest.is_empty().then_some(Time { days: days + extra, clock })
}

fn parse_clock(rest: &mut &str) -> Option<i64> {
    let hour = number(rest, 1, 2)?;
    let minute = if take(rest, ":") { number(rest, 1, 2)? } else { return None };
    let second = if take(rest, ":") { number(rest, 1, 2)? } else { 0 };
    let mut fraction = 0;
    if take(rest, ".") {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (kept, tail) = rest.split_at_checked(digits)?;
        fraction = kept.bytes().chain(*b"000000").take(6).fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        *rest = tail;
    }
    let micros = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SECOND + fraction;
    (minute < 60 && second < 60 && micros <= MICROS_PER_DAY).then_some(micros)
}

fn parse_offset(rest: &mut &str) -> Option<i64> {
    if take(rest, "Z") || take(rest, " UTC") || rest.is_empty() {
        return Some(0);
    }
    let sign = if take(rest, "+") { 1 } else { -1 };
    if sign < 0 && !take(rest, "-") {
        return None;
    }
    let hour = two_digits(rest)?;
    let minute = if take(rest, ":") || !rest.is_empty() { two_digits(rest)? } else { 0 };
    (hour < 24 && minute < 60).then_some(sign * (hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE))
}

fn take(rest: &mut &str, token: &str) -> bool {
    match rest.strip_prefix(token) {
        Some(tail) => {
            *rest = tail;
            true
        }
        None => false,
    }
}

fn two_digits(rest: &mut &str) -> Option<i64> {
    let (mut digits, tail) = rest.split_at_checked(2)?;
    *rest = tail;
    number(&mut digits, 2, 2)
}

// A number of `least` to `most` digits, all that are there.
fn number(rest: &mut &str, least: usize, most: usize) -> Option<i64> {
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if !(least..=most).contains(&digits) {
        return None;
    }
    let (number, tail) = rest.split_at_checked(digits)?;
    *rest = tail;
    number.parse().ok()
}
