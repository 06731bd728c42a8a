//! Canonical keys: one byte string a row, the same for equal keys on every machine and in every version.
//!
//! Each column contributes a type tag and its value: integers and floats are widened to 64 bits (little-endian),
//! text (plain or in a dictionary) and bytes carry their length, `-0.0` is `0.0`, every NaN is the same NaN, and null has a tag of its own. The
//! hash is xxh3-64 over those bytes and the key group is the hash modulo [`KEY_GROUPS`]. State files depend on all of
//! this, so the golden test below must never change.

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, DurationMicrosecondArray, Float32Array, Float64Array,
    Int32Array, Int64Array, StringArray, TimestampMicrosecondArray, builder, cast::AsArray, types::Int32Type,
};
use arrow_schema::{DataType, TimeUnit};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Code, Error, Result};

mod coded;
mod dictionary;
mod single;

pub use coded::{CodedKeys, KeyCoder, KeyList, Lineage};
pub use dictionary::{DictionaryKey, RecentDictionaries};
pub use single::{RecentKeys, SingleKey, Words};

/// The number of key groups: the unit in which keyed state moves, and the upper bound of parallelism.
pub const KEY_GROUPS: u32 = 128;

/// The key group of a key hash.
pub fn key_group(hash: u64) -> u32 {
    (hash % u64::from(KEY_GROUPS)) as u32
}

/// The subtask, of `parallelism`, that owns a key group; groups are dealt in contiguous ranges.
pub fn owner(key_group: u32, parallelism: u32) -> u32 {
    key_group * parallelism / KEY_GROUPS
}

const NULL: u8 = 0;
const BOOL: u8 = 1;
const INT: u8 = 2;
const FLOAT: u8 = 3;
const UTF8: u8 = 4;
const TIMESTAMP: u8 = 5;
const DURATION: u8 = 6;
const DATE: u8 = 7;
const BINARY: u8 = 8;

/// The canonical keys of a batch's rows: their bytes back to back.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Keys {
    /// The keys of `rows` rows over `columns` (none: the one empty key of a stream without keys).
    ///
    /// # Errors
    /// `HR_TYPE_MISMATCH` for a column type that cannot be a key; `HR_OVERFLOW` above 4 GiB of keys in one batch.
    pub fn encode(columns: &[ArrayRef], rows: usize) -> Result<Keys> {
        let mut keys = Keys { bytes: Vec::with_capacity(rows * columns.len() * 9), ends: Vec::with_capacity(rows) };
        let encoders = columns.iter().map(ColumnEncoder::new).collect::<Result<Vec<_>>>()?;
        for row in 0..rows {
            for encoder in &encoders {
                encoder.append(row, &mut keys.bytes);
            }
            keys.ends.push(keys.bytes.len() as u32);
        }
        if u32::try_from(keys.bytes.len()).is_err() {
            return Err(Error::new(Code::Overflow, "the keys of one batch exceed 4 GiB").hint("Use smaller batches."));
        }
        Ok(keys)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a key in its canonical bytes.
    pub fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Forgets all keys, but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// All keys in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The canonical bytes of a row's key.
    #[inline]
    pub fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.bytes[start..self.ends[row] as usize]
    }

    /// The xxh3-64 hash of each row's key.
    pub fn hashes(&self) -> Vec<u64> {
        (0..self.len()).map(|row| xxh3_64(self.get(row))).collect()
    }
}

/// The hash of one canonical key.
pub fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

enum ColumnEncoder<'a> {
    Bool(&'a BooleanArray),
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Text(&'a StringArray),
    Dictionary(&'a Int32Array, &'a StringArray),
    Timestamp(&'a TimestampMicrosecondArray),
    Duration(&'a DurationMicrosecondArray),
    Date(&'a Date32Array),
    Binary(&'a BinaryArray),
}

impl<'a> ColumnEncoder<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self> {
        if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>()
            && let Some(texts) = dictionary.values().as_string_opt()
        {
            return Ok(ColumnEncoder::Dictionary(dictionary.keys(), texts));
        }
        Ok(match column.data_type() {
            DataType::Boolean => ColumnEncoder::Bool(column.as_boolean()),
            DataType::Int32 => ColumnEncoder::Int32(column.as_primitive()),
            DataType::Int64 => ColumnEncoder::Int64(column.as_primitive()),
            DataType::Float32 => ColumnEncoder::Float32(column.as_primitive()),
            DataType::Float64 => ColumnEncoder::Float64(column.as_primitive()),
            DataType::Utf8 => ColumnEncoder::Text(column.as_string()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => ColumnEncoder::Timestamp(column.as_primitive()),
            DataType::Duration(TimeUnit::Microsecond) => ColumnEncoder::Duration(column.as_primitive()),
            DataType::Date32 => ColumnEncoder::Date(column.as_primitive()),
            DataType::Binary => ColumnEncoder::Binary(column.as_binary()),
            other => return Err(Error::new(Code::TypeMismatch, format!("a column of type {other} cannot be a key"))),
        })
    }

    fn append(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            ColumnEncoder::Bool(values) => fixed(*values, row, BOOL, out, |row| u64::from(values.value(row))),
            ColumnEncoder::Int32(values) => fixed(*values, row, INT, out, |row| i64::from(values.value(row)) as u64),
            ColumnEncoder::Int64(values) => fixed(*values, row, INT, out, |row| values.value(row) as u64),
            ColumnEncoder::Float32(values) => {
                fixed(*values, row, FLOAT, out, |row| float_bits(values.value(row).into()))
            }
            ColumnEncoder::Float64(values) => fixed(*values, row, FLOAT, out, |row| float_bits(values.value(row))),
            ColumnEncoder::Timestamp(values) => fixed(*values, row, TIMESTAMP, out, |row| values.value(row) as u64),
            ColumnEncoder::Duration(values) => fixed(*values, row, DURATION, out, |row| values.value(row) as u64),
            ColumnEncoder::Date(values) => fixed(*values, row, DATE, out, |row| i64::from(values.value(row)) as u64),
            ColumnEncoder::Text(values) => append_text(values, row, out),
            ColumnEncoder::Dictionary(places, _) if places.is_null(row) => out.push(NULL),
            ColumnEncoder::Dictionary(places, texts) => append_text(texts, places.value(row) as usize, out),
            ColumnEncoder::Binary(values) if values.is_null(row) => out.push(NULL),
            ColumnEncoder::Binary(values) => append_bytes(BINARY, values.value(row), out),
        }
    }
}

fn fixed(column: &dyn Array, row: usize, tag: u8, out: &mut Vec<u8>, bits: impl Fn(usize) -> u64) {
    if column.is_null(row) {
        out.push(NULL);
    } else {
        out.push(tag);
        out.extend_from_slice(&bits(row).to_le_bytes());
    }
}

fn append_text(text: &StringArray, row: usize, out: &mut Vec<u8>) {
    if text.is_null(row) {
        out.push(NULL);
    } else {
        append_bytes(UTF8, text.value(row).as_bytes(), out);
    }
}

fn append_bytes(tag: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// The bits of a float as keys and distinct counts see it: one zero, one NaN.
pub fn float_bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

/// Turns canonical keys back into columns of the given types.
///
/// # Errors
/// `HR_DATA_CORRUPT` when the bytes do not hold such keys.
pub fn decode<'a>(keys: impl Iterator<Item = &'a [u8]>, types: &[DataType]) -> Result<Vec<ArrayRef>> {
    let mut columns = types.iter().map(ColumnDecoder::new).collect::<Result<Vec<_>>>()?;
    for key in keys {
        let mut rest = key;
        for column in &mut columns {
            column.append(&mut rest)?;
        }
        if !rest.is_empty() {
            return Err(corrupt());
        }
    }
    Ok(columns.into_iter().map(ColumnDecoder::finish).collect())
}

fn corrupt() -> Error {
    Error::new(Code::DataCorrupt, "a stored key does not match the key columns of the plan")
}

enum ColumnDecoder {
    Bool(builder::BooleanBuilder),
    Int32(builder::Int32Builder),
    Int64(builder::Int64Builder),
    Float32(builder::Float32Builder),
    Float64(builder::Float64Builder),
    Text(builder::StringBuilder),
    Timestamp(builder::TimestampMicrosecondBuilder),
    Duration(builder::DurationMicrosecondBuilder),
    Date(builder::Date32Builder),
    Binary(builder::BinaryBuilder),
}

impl ColumnDecoder {
    fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Boolean => ColumnDecoder::Bool(Default::default()),
            DataType::Int32 => ColumnDecoder::Int32(Default::default()),
            DataType::Int64 => ColumnDecoder::Int64(Default::default()),
            DataType::Float32 => ColumnDecoder::Float32(Default::default()),
            DataType::Float64 => ColumnDecoder::Float64(Default::default()),
            DataType::Utf8 => ColumnDecoder::Text(Default::default()),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                ColumnDecoder::Timestamp(builder::TimestampMicrosecondBuilder::new().with_timezone_opt(zone.clone()))
            }
            DataType::Duration(TimeUnit::Microsecond) => ColumnDecoder::Duration(Default::default()),
            DataType::Date32 => ColumnDecoder::Date(Default::default()),
            DataType::Binary => ColumnDecoder::Binary(Default::default()),
            other => return Err(Error::new(Code::TypeMismatch, format!("a column of type {other} cannot be a key"))),
        })
    }

    fn append(&mut self, rest: &mut &[u8]) -> Result<()> {
        let (&tag, tail) = rest.split_first().ok_or_else(corrupt)?;
        *rest = tail;
        let value = match tag {
            NULL => None,
            UTF8 | BINARY => {
                let length = u32::from_le_bytes(take_fixed(rest)?) as usize;
                let (value, tail) = rest.split_at_checked(length).ok_or_else(corrupt)?;
                *rest = tail;
                return self.append_bytes(tag, value);
            }
            _ => Some(u64::from_le_bytes(take_fixed(rest)?)),
        };
        match (self, tag) {
            (ColumnDecoder::Bool(out), NULL | BOOL) => out.append_option(value.map(|bits| bits != 0)),
            (ColumnDecoder::Int32(out), NULL | INT) => out.append_option(value.map(narrow).transpose()?),
            (ColumnDecoder::Int64(out), NULL | INT) => out.append_option(value.map(|bits| bits as i64)),
            (ColumnDecoder::Float32(out), NULL | FLOAT) => {
                out.append_option(value.map(|bits| f64::from_bits(bits) as f32))
            }
            (ColumnDecoder::Float64(out), NULL | FLOAT) => out.append_option(value.map(f64::from_bits)),
            (ColumnDecoder::Timestamp(out), NULL | TIMESTAMP) => out.append_option(value.map(|bits| bits as i64)),
            (ColumnDecoder::Duration(out), NULL | DURATION) => out.append_option(value.map(|bits| bits as i64)),
            (ColumnDecoder::Date(out), NULL | DATE) => out.append_option(value.map(narrow).transpose()?),
            (ColumnDecoder::Text(out), NULL) => out.append_null(),
            (ColumnDecoder::Binary(out), NULL) => out.append_null(),
            _ => return Err(corrupt()),
        }
        Ok(())
    }

    fn append_bytes(&mut self, tag: u8, value: &[u8]) -> Result<()> {
        match (self, tag) {
            (ColumnDecoder::Text(out), UTF8) => out.append_value(std::str::from_utf8(value).map_err(|_| corrupt())?),
            (ColumnDecoder::Binary(out), BINARY) => out.append_value(value),
            _ => return Err(corrupt()),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            ColumnDecoder::Bool(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Int32(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Int64(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Float32(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Float64(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Text(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Timestamp(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Duration(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Date(mut out) => Arc::new(out.finish()),
            ColumnDecoder::Binary(mut out) => Arc::new(out.finish()),
        }
    }
}

// Another key would come back for a number that does not fit.
fn narrow(bits: u64) -> Result<i32> {
    i32::try_from(bits as i64).map_err(|_| corrupt())
}

fn take_fixed<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or_else(corrupt)?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests;
