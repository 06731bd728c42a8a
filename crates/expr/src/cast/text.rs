//! Casts from and to text, of booleans, numbers and bytes.

use std::fmt::Write;

use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray,
    builder::StringBuilder,
    cast::AsArray,
    types::{Float32Type, Float64Type, Int32Type, Int64Type},
};
use headrace_core::{Error, Result};
use headrace_plan::DataType;

use super::{array, arrow, failed, failed_to};
use crate::node::UnaryKernel;
use crate::primitive::primitive;
use crate::text::strings;

pub(super) fn kernel(from: &DataType, to: &DataType, safe: bool) -> Option<UnaryKernel> {
    use DataType::{Binary, Bool, F32, F64, I32, I64, Utf8};
    Some(match (from, to) {
        (Bool | I32 | I64, Utf8) => arrow(to),
        (F32, Utf8) => Box::new(|values| format::<Float32Type>(values, write_float)),
        (F64, Utf8) => Box::new(|values| format::<Float64Type>(values, write_float)),
        (Utf8, Bool) => Box::new(move |values| array(booleans(values, safe)?)),
        (Utf8, I32) => Box::new(move |values| {
            array(parse::<Int32Type>(values, safe, |text| parse_integer(text)?.try_into().ok())?)
        }),
        (Utf8, I64) => Box::new(move |values| array(parse::<Int64Type>(values, safe, parse_integer)?)),
        (Utf8, F32) => Box::new(move |values| array(parse::<Float32Type>(values, safe, parse_float)?)),
        (Utf8, F64) => Box::new(move |values| array(parse::<Float64Type>(values, safe, parse_float)?)),
        (Utf8, Binary) => Box::new(|values| array(BinaryArray::from(strings(values)?.clone()))),
        (Binary, Utf8) => Box::new(move |values| array(utf8(values, safe)?)),
        _ => return None,
    })
}

/// Parses each text with `f`; where it yields `None`, the result is null if `safe`, else an error.
pub(super) fn parse<O: ArrowPrimitiveType>(
    values: &dyn Array,
    safe: bool,
    f: impl Fn(&str) -> Option<O::Native>,
) -> Result<PrimitiveArray<O>> {
    let parsed = strings(values)?.iter().map(|text| match text.map(|text| (text, f(text))) {
        None => Ok(None),
        Some((text, None)) if !safe => Err(failed::<O>(&quoted(text))),
        Some((_, value)) => Ok(value),
    });
    parsed.collect()
}

/// Writes each value as text.
pub(super) fn format<I: ArrowPrimitiveType>(
    values: &dyn Array,
    f: impl Fn(I::Native, &mut StringBuilder) -> std::fmt::Result,
) -> Result<ArrayRef> {
    let values = primitive::<I>(values)?;
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * 12);
    for value in values {
        match value {
            None => out.append_null(),
            Some(value) => {
                f(value, &mut out).map_err(|_| Error::internal("a value could not be written as text"))?;
                // What was written becomes the next value of the builder.
                out.append_value("");
            }
        }
    }
    array(out.finish())
}

// Messages quote the text, cut so that a huge one does not fill the terminal.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("'{}…'", &text[..end]),
        None => format!("'{text}'"),
    }
}

fn booleans(values: &dyn Array, safe: bool) -> Result<BooleanArray> {
    let parsed = strings(values)?.iter().map(|text| match text.map(|text| (text, parse_bool(text))) {
        None => Ok(None),
        Some((text, None)) if !safe => Err(failed_to(&quoted(text), "bool")),
        Some((_, value)) => Ok(value),
    });
    Ok(BooleanArray::from(parsed.collect::<Result<Vec<_>>>()?))
}

fn parse_bool(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "t", "yes", "y"]) || text == "1" {
        Some(true)
    } else if is(["false", "f", "no", "n"]) || text == "0" {
        Some(false)
    } else {
        None
    }
}

/// The integer nearest to a decimal number, halves away from zero; or hexadecimal `0x…` or binary `0b…` digits. Single
/// underscores may stand between digits, and white space around a decimal number.
fn parse_integer(text: &str) -> Option<i64> {
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let digits = without_underscores(digits, u8::is_ascii_hexdigit)?;
            return if digits.starts_with(['+', '-']) { None } else { i64::from_str_radix(&digits, radix).ok() };
        }
    }
    let text = without_underscores(text.trim_matches(is_space), u8::is_ascii_digit)?;
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(&text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    round_digits(&digits, whole.len() as i64 + exponent, negative)
}

// An exponent beyond ±9,999 decides the result just as one at the limit does: no text has that many digits of use.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000_000);
    Some(if text.starts_with('-') { -size } else { size })
}

/// The number `0.d₁d₂d₃… × 10^point`, rounded.
fn round_digits(digits: &[u8], point: i64, negative: bool) -> Option<i64> {
    let Some(leading) = digits.iter().position(|digit| *digit != b'0') else { return Some(0) };
    if point - leading as i64 > 19 {
        return None;
    }
    let at = |index: i64| {
        usize::try_from(index).ok().and_then(|index| digits.get(index)).map_or(0, |digit| i128::from(digit - b'0'))
    };
    // Without leading zeros at most 19 digits stand before the point, which an i128 holds.
    let whole = (leading as i64..point).fold(0_i128, |value, index| value * 10 + at(index));
    let rounded = whole + i128::from(at(point) >= 5);
    i64::try_from(if negative { -rounded } else { rounded }).ok()
}

// The text without the underscores between digits; `None` when one stands elsewhere.
fn without_underscores(text: &str, is_digit: fn(&u8) -> bool) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(is_digit);
    let placed = |index: usize| bytes[index] != b'_' || (index > 0 && digit(index - 1) && digit(index + 1));
    (0..bytes.len()).all(placed).then(|| text.replace('_', "").into())
}

/// What text casts skip around a value: ASCII white space.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// A decimal number, `nan`, `inf` or `infinity` in any case, with an optional sign.
fn parse_float<T: std::str::FromStr>(text: &str) -> Option<T> {
    without_underscores(text.trim_matches(is_space), u8::is_ascii_digit)?.parse().ok()
}

fn utf8(values: &dyn Array, safe: bool) -> Result<StringArray> {
    let values =
        values.as_binary_opt::<i32>().ok_or_else(|| Error::internal("a binary kernel was given another type"))?;
    if let Ok(texts) = StringArray::try_from_binary(values.clone()) {
        return Ok(texts);
    }
    let decoded = values.iter().map(|bytes| match bytes.map(std::str::from_utf8) {
        Some(Err(_)) if !safe => Err(failed_to(&"a value that is not valid UTF-8", "utf8")),
        other => Ok(other.and_then(std::result::Result::ok)),
    });
    decoded.collect()
}

/// A float in the fewest digits that read back as the same value: plain from 10⁻⁴ up to 10¹⁶, else with an exponent of
/// two digits or more.
///
/// Rust's `Debug` form draws the same lines and differs in the exponent (`1e16` for `1e+16`) and in `NaN`.
fn write_float(value: impl std::fmt::Debug, out: &mut impl Write) -> std::fmt::Result {
    let text = format!("{value:?}");
    match text.split_once('e') {
        None if text == "NaN" => out.write_str("nan"),
        None => out.write_str(&text),
        Some((mantissa, exponent)) => {
            let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
            write!(out, "{mantissa}e{sign}{digits:0>2}")
        }
    }
}
