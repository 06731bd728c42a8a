//! Functions of text. Lengths and positions count characters: Unicode scalar values.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Int64Array, StringArray, builder::StringBuilder, cast::AsArray,
    types::Int64Type,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use headrace_core::{Code, Error, Result};

use crate::like::Pattern;
use crate::primitive::primitive;
use crate::value::Value;

/// A text column downcast, or a defect of the compiler reported as an error.
pub(crate) fn strings(array: &dyn Array) -> Result<&StringArray> {
    array
        .as_string_opt::<i32>()
        .ok_or_else(|| Error::internal(format!("a kernel for text was given {}", array.data_type())))
}

/// Each character in lower case, by its simple mapping: a text keeps its number of characters.
pub(crate) fn lower(array: &dyn Array) -> Result<ArrayRef> {
    change_case(strings(array)?, |byte| byte.to_ascii_lowercase(), lower_char)
}

/// Each character in upper case, by its simple mapping: a text keeps its number of characters.
pub(crate) fn upper(array: &dyn Array) -> Result<ArrayRef> {
    change_case(strings(array)?, |byte| byte.to_ascii_uppercase(), upper_char)
}

// A column of ASCII keeps its lengths, so its bytes are changed in one sweep.
fn change_case(texts: &StringArray, ascii: fn(u8) -> u8, mapping: fn(char) -> char) -> Result<ArrayRef> {
    let offsets = texts.value_offsets();
    let (start, end) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
    let bytes = texts.value_data().get(start as usize..end as usize).unwrap_or_default();
    if bytes.is_ascii() {
        let changed: Buffer = bytes.iter().map(|&byte| ascii(byte)).collect::<Vec<u8>>().into();
        // The bytes of a slice do not start at the start of the buffer; those of the result do.
        let offsets = OffsetBuffer::new(offsets.iter().map(|offset| offset - start).collect());
        return Ok(Arc::new(StringArray::try_new(offsets, changed, texts.nulls().cloned())?));
    }
    map(texts, |text| Cow::Owned(text.chars().map(mapping).collect()))
}

// The standard library has the full mapping; where that is more than one character, the simple one differs. These are
// the exceptions of Unicode's table, and the capital sharp s that DuckDB uses.
fn upper_char(c: char) -> char {
    let mut full = c.to_uppercase();
    match (full.next(), full.next()) {
        (Some(upper), None) => upper,
        _ => match c {
            'ß' => 'ẞ',
            '\u{1f80}'..='\u{1faf}' if (c as u32) & 0xf < 8 => char::from_u32(c as u32 + 8).unwrap_or(c),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
            _ => c,
        },
    }
}

fn lower_char(c: char) -> char {
    let mut full = c.to_lowercase();
    match (full.next(), full.next()) {
        (Some(lower), None) => lower,
        _ if c == 'İ' => 'i',
        _ => c,
    }
}

/// Without white space (Unicode's `White_Space`) at both ends.
pub(crate) fn trim(array: &dyn Array) -> Result<ArrayRef> {
    map(strings(array)?, |text| Cow::Borrowed(text.trim()))
}

fn map<'a>(texts: &'a StringArray, f: impl Fn(&'a str) -> Cow<'a, str>) -> Result<ArrayRef> {
    let mut out = Texts::with_capacity(texts.len(), texts.value_data().len());
    for text in texts {
        match text {
            Some(text) => out.push(&[&f(text)])?,
            None => out.builder.append_null(),
        }
    }
    Ok(out.finish())
}

/// The number of characters.
pub(crate) fn length(array: &dyn Array) -> Result<ArrayRef> {
    let lengths = strings(array)?.iter().map(|text| text.map(|text| text.chars().count() as i64));
    Ok(Arc::new(lengths.collect::<Int64Array>()))
}

/// All arguments joined; null if one is null.
pub(crate) fn concat(args: &[Value]) -> Result<ArrayRef> {
    let columns = args.iter().map(TextColumn::new).collect::<Result<Vec<_>>>()?;
    let rows = rows_of(args);
    let mut out = Texts::with_capacity(rows, 0);
    let mut parts = Vec::with_capacity(columns.len());
    for row in 0..rows {
        parts.clear();
        parts.extend(columns.iter().map_while(|column| column.get(row)));
        if parts.len() == columns.len() {
            out.push(&parts)?;
        } else {
            out.builder.append_null();
        }
    }
    Ok(out.finish())
}

/// Part of a text: the text, the start and optionally the length. See [`slice`].
pub(crate) fn substring(args: &[Value]) -> Result<ArrayRef> {
    let [text, numbers @ ..] = args else { return Err(Error::internal("substring without arguments")) };
    let (texts, rows) = (TextColumn::new(text)?, rows_of(args));
    let numbers = numbers.iter().map(IntegerColumn::new).collect::<Result<Vec<_>>>()?;
    let mut out = Texts::with_capacity(rows, 0);
    for row in 0..rows {
        let length = numbers.get(1).map(|column| column.get(row));
        match (texts.get(row), numbers.first().and_then(|column| column.get(row)), length) {
            (Some(text), Some(start), None) => out.push(&[slice(text, start, None)])?,
            (Some(text), Some(start), Some(Some(length))) => out.push(&[slice(text, start, Some(length))])?,
            _ => out.builder.append_null(),
        }
    }
    Ok(out.finish())
}

/// The characters at positions `start ≤ p < start + length`, the first being at 1; without a length, all from `start`.
/// A negative start counts from the end (−1 is the last character), and a negative length takes the characters before
/// the start. Positions outside the text hold nothing.
fn slice(text: &str, start: i64, length: Option<i64>) -> &str {
    let size = if text.is_ascii() { text.len() } else { text.chars().count() } as i128;
    let first = i128::from(start) + if start < 0 { size } else { -1 };
    let (from, to) = match length.map(i128::from) {
        None => (first, size),
        Some(length) if length < 0 => (first + length, first),
        Some(length) => (first, first + length),
    };
    let (from, to) = (from.clamp(0, size) as usize, to.clamp(0, size) as usize);
    if from >= to {
        return "";
    }
    let byte = |position: usize| match size as usize == text.len() {
        true => position,
        false => text.char_indices().nth(position).map_or(text.len(), |(byte, _)| byte),
    };
    text.get(byte(from)..byte(to)).unwrap_or("")
}

/// Whether the left text starts with the right one.
pub(crate) fn starts_with(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef> {
    Ok(Arc::new(arrow_string::like::starts_with(left, right)?))
}

/// Whether the left text ends with the right one.
pub(crate) fn ends_with(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef> {
    Ok(Arc::new(arrow_string::like::ends_with(left, right)?))
}

/// Whether the left text contains the right one.
pub(crate) fn contains(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef> {
    Ok(Arc::new(arrow_string::like::contains(left, right)?))
}

/// SQL LIKE. Arrow's kernel treats `\` as an escape, which SQL does only on request, so this is our own.
pub(crate) fn like(left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef> {
    let ((texts, _), (patterns, scalar)) = (left.get(), right.get());
    let patterns = TextColumn { texts: strings(patterns)?, scalar };
    let texts = TextColumn { texts: strings(texts)?, scalar: left.get().1 };
    let rows = if texts.scalar { patterns.texts.len() } else { texts.texts.len() };
    let fixed = if scalar { patterns.get(0).map(Pattern::new) } else { None };
    let matches = (0..rows).map(|row| match &fixed {
        Some(pattern) => Some(pattern.matches(texts.get(row)?)),
        None => Some(Pattern::new(patterns.get(row)?).matches(texts.get(row)?)),
    });
    Ok(Arc::new(matches.collect::<BooleanArray>()))
}

struct TextColumn<'a> {
    texts: &'a StringArray,
    scalar: bool,
}

impl<'a> TextColumn<'a> {
    fn new(value: &'a Value) -> Result<Self> {
        Ok(TextColumn { texts: strings(value.array())?, scalar: value.is_scalar() })
    }

    fn get(&self, row: usize) -> Option<&'a str> {
        let row = if self.scalar { 0 } else { row };
        self.texts.is_valid(row).then(|| self.texts.value(row))
    }
}

struct IntegerColumn<'a> {
    numbers: &'a Int64Array,
    scalar: bool,
}

impl<'a> IntegerColumn<'a> {
    fn new(value: &'a Value) -> Result<Self> {
        Ok(IntegerColumn { numbers: primitive::<Int64Type>(value.array())?, scalar: value.is_scalar() })
    }

    fn get(&self, row: usize) -> Option<i64> {
        let row = if self.scalar { 0 } else { row };
        self.numbers.is_valid(row).then(|| self.numbers.value(row))
    }
}

fn rows_of(args: &[Value]) -> usize {
    args.iter().find(|arg| !arg.is_scalar()).map_or(1, |arg| arg.array().len())
}

/// A text column under construction that refuses to grow beyond what its 32-bit offsets can address.
struct Texts {
    builder: StringBuilder,
    bytes: usize,
}

impl Texts {
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        Texts { builder: StringBuilder::with_capacity(rows, bytes), bytes: 0 }
    }

    /// Appends the parts as one value.
    fn push(&mut self, parts: &[&str]) -> Result<()> {
        self.bytes += parts.iter().map(|part| part.len()).sum::<usize>();
        if i32::try_from(self.bytes).is_err() {
            return Err(
                Error::new(Code::Overflow, "a text column of one batch exceeds 2 GiB").hint("Use a smaller batchRows.")
            );
        }
        if let [only] = parts {
            self.builder.append_value(only);
            return Ok(());
        }
        let write = |part: &&str| std::fmt::Write::write_str(&mut self.builder, part);
        parts.iter().try_for_each(write).map_err(|_| Error::internal("a text could not be appended"))?;
        self.builder.append_value("");
        Ok(())
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}
