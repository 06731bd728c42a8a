//! From an arena, which nobody has checked, into a batch.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, DictionaryArray, Int32Array, ListArray,
    PrimitiveArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use headrace_core::{Code, Error, Result};

use super::ALIGNMENT;
use crate::carried::is_dictionary;

/// Numbers above this are not exact in a layout, so none can be meant.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Copies buffers of a host into an arena, one behind the other, each at the next multiple of [`ALIGNMENT`]; empty
/// ones take no place. The only copy on the way in, and into memory that the host cannot change. O(bytes).
pub fn gather(buffers: &[&[u8]]) -> Buffer {
    let bytes = buffers.iter().map(|buffer| buffer.len().next_multiple_of(ALIGNMENT)).sum();
    let mut arena = MutableBuffer::with_capacity(bytes);
    for buffer in buffers {
        arena.extend_from_slice(buffer);
        arena.extend_zeros(arena.len().next_multiple_of(ALIGNMENT) - arena.len());
    }
    arena.into()
}

/// The batch in an arena, which it goes on to use, checked in full: every number of the layout is a whole one, every
/// buffer lies in the arena, is aligned and long enough, offsets do not fall, places lie in their dictionary,
/// text is UTF-8. Null counts are counted
/// anew; −1 stands for an unknown one. O(bytes of text and offsets).
///
/// # Errors
/// `HR_DATA_CORRUPT` when the layout and the arena do not describe rows of `schema`, `HR_TYPE_MISMATCH` when the
/// schema has a type that is not carried.
pub fn read_arena(schema: &SchemaRef, layout: &[f64], arena: &Buffer) -> Result<RecordBatch> {
    let mut walk = Walk { layout: layout.iter(), arena };
    let columns = schema.fields().iter().map(|field| walk.array(field.data_type())).collect::<Result<Vec<_>>>()?;
    if walk.layout.len() > 0 {
        return Err(corrupt("the layout is longer than the columns need"));
    }
    if columns.is_empty() {
        return Ok(RecordBatch::new_empty(Arc::clone(schema)));
    }
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(refused)
}

fn corrupt(reason: &str) -> Error {
    Error::new(Code::DataCorrupt, format!("a batch from the host is not well-formed: {reason}"))
}

fn fractional() -> Error {
    corrupt("the layout holds something other than whole numbers")
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && (0.0..=MAX_EXACT).contains(&number)
}

fn refused(error: ArrowError) -> Error {
    corrupt(&error.to_string())
}

struct Walk<'a> {
    layout: std::slice::Iter<'a, f64>,
    arena: &'a Buffer,
}

/// What the layout says of an array before its own buffers.
struct Head {
    length: usize,
    nulls: Option<NullBuffer>,
}

impl<'a> Walk<'a> {
    fn array(&mut self, data_type: &DataType) -> Result<ArrayRef> {
        match data_type {
            DataType::Boolean => {
                let Head { length, nulls } = self.head(2)?;
                let values = bits(self.buffer()?, length)?;
                Ok(Arc::new(BooleanArray::new(values, nulls)))
            }
            DataType::Int32 => self.primitive::<Int32Type>(),
            DataType::Int64 => self.primitive::<Int64Type>(),
            DataType::Float32 => self.primitive::<Float32Type>(),
            DataType::Float64 => self.primitive::<Float64Type>(),
            DataType::Date32 => self.primitive::<Date32Type>(),
            DataType::Timestamp(TimeUnit::Microsecond, None) => self.primitive::<TimestampMicrosecondType>(),
            DataType::Duration(TimeUnit::Microsecond) => self.primitive::<DurationMicrosecondType>(),
            DataType::Utf8 => self.text(),
            DataType::Binary => self.binary(),
            data_type if is_dictionary(data_type) => self.dictionary(),
            DataType::List(item) => {
                let Head { length, nulls } = self.head(2)?;
                let offsets = offsets(self.buffer()?, length)?;
                let items = self.array(item.data_type())?;
                Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, nulls).map_err(refused)?))
            }
            DataType::Struct(fields) => {
                let Head { length, nulls } = self.head(1)?;
                let members = fields.iter().map(|field| self.array(field.data_type())).collect::<Result<Vec<_>>>()?;
                let record = StructArray::try_new_with_length(fields.clone(), members, nulls, length);
                Ok(Arc::new(record.map_err(refused)?))
            }
            other => Err(Error::new(Code::TypeMismatch, format!("columns of Arrow type {other} are not carried"))),
        }
    }

    fn primitive<T: ArrowPrimitiveType>(&mut self) -> Result<ArrayRef> {
        let Head { length, nulls } = self.head(2)?;
        let values = numbers::<T::Native>(self.buffer()?, length)?;
        Ok(Arc::new(PrimitiveArray::<T>::try_new(values, nulls).map_err(refused)?))
    }

    fn text(&mut self) -> Result<ArrayRef> {
        let Head { length, nulls } = self.head(3)?;
        let offsets = offsets(self.buffer()?, length)?;
        let bytes = self.buffer()?;
        if bytes.is_ascii() && usize::try_from(offsets.last()).is_ok_and(|last| last <= bytes.len()) {
            // SAFETY: the offsets rise and end within the bytes, every ASCII byte is a character of its own, and
            // the nulls were read for this length.
            #[allow(unsafe_code, reason = "the checked constructor looks at every offset again")]
            return Ok(Arc::new(unsafe { StringArray::new_unchecked(offsets, bytes, nulls) }));
        }
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls).map_err(refused)?))
    }

    fn binary(&mut self) -> Result<ArrayRef> {
        let Head { length, nulls } = self.head(3)?;
        let offsets = offsets(self.buffer()?, length)?;
        Ok(Arc::new(BinaryArray::try_new(offsets, self.buffer()?, nulls).map_err(refused)?))
    }

    fn dictionary(&mut self) -> Result<ArrayRef> {
        let Head { length, nulls } = self.head(2)?;
        let places = numbers::<i32>(self.buffer()?, length)?;
        let values = self.text()?;
        if values.null_count() > 0 {
            return Err(corrupt("a dictionary holds a null"));
        }
        let places = Int32Array::try_new(places, nulls).map_err(refused)?;
        Ok(Arc::new(DictionaryArray::try_new(places, values).map_err(refused)?))
    }

    fn head(&mut self, buffers: usize) -> Result<Head> {
        let length = self.number()?;
        let null_count = self.next()?;
        if null_count != -1.0 && !is_whole(null_count) {
            return Err(fractional());
        }
        if self.number()? != buffers {
            return Err(corrupt("an array has another number of buffers than its type"));
        }
        let validity = self.buffer()?;
        if validity.is_empty() {
            // Without a bitmap no value is null, so anything but none or unknown contradicts it.
            let contradicts = null_count > 0.0 && length > 0;
            return if contradicts { Err(corrupt("nulls without a bitmap")) } else { Ok(Head { length, nulls: None }) };
        }
        let nulls = NullBuffer::new(bits(validity, length)?);
        Ok(Head { length, nulls: Some(nulls).filter(|nulls| nulls.null_count() > 0) })
    }

    fn buffer(&mut self) -> Result<Buffer> {
        let (start, bytes) = (self.number()?, self.number()?);
        let inside = start.checked_add(bytes).is_some_and(|end| end <= self.arena.len());
        if inside {
            Ok(self.arena.slice_with_length(start, bytes))
        } else {
            Err(corrupt("a buffer lies outside the arena"))
        }
    }

    fn number(&mut self) -> Result<usize> {
        let number = self.next()?;
        if is_whole(number) { Ok(number as usize) } else { Err(fractional()) }
    }

    fn next(&mut self) -> Result<f64> {
        self.layout.next().copied().ok_or_else(|| corrupt("the layout is shorter than the columns need"))
    }
}

/// The first `bytes` of a buffer; `None` stands for more than can be addressed.
fn head_of(buffer: &Buffer, bytes: Option<usize>) -> Result<Buffer> {
    let long_enough = bytes.filter(|bytes| *bytes <= buffer.len());
    let bytes = long_enough.ok_or_else(|| corrupt("a buffer is too short for its array"))?;
    Ok(buffer.slice_with_length(0, bytes))
}

/// The first `length` numbers of a buffer.
fn numbers<T: ArrowNativeType>(buffer: Buffer, length: usize) -> Result<ScalarBuffer<T>> {
    let buffer = head_of(&buffer, length.checked_mul(size_of::<T>()))?;
    if buffer.as_ptr().align_offset(align_of::<T>()) != 0 {
        return Err(corrupt("a buffer of numbers is not aligned"));
    }
    Ok(ScalarBuffer::new(buffer, 0, length))
}

fn bits(buffer: Buffer, length: usize) -> Result<BooleanBuffer> {
    Ok(BooleanBuffer::new(head_of(&buffer, Some(length.div_ceil(8)))?, 0, length))
}

fn offsets(buffer: Buffer, length: usize) -> Result<OffsetBuffer<i32>> {
    if length == 0 && buffer.is_empty() {
        return Ok(OffsetBuffer::new_empty());
    }
    let entries = length.checked_add(1).ok_or_else(|| corrupt("an array is too long"))?;
    let offsets = numbers::<i32>(buffer, entries)?;
    // Without an early way out the loop becomes vector code; offsets that fall are rare.
    let rises = offsets.first().is_some_and(|first| *first >= 0)
        && offsets.iter().zip(offsets.iter().skip(1)).fold(true, |rises, (from, to)| rises & (from <= to));
    if !rises {
        return Err(corrupt("the offsets of an array fall"));
    }
    // SAFETY: there is a first offset, it is not negative, and none is below the one before it.
    #[allow(unsafe_code, reason = "the checked constructor repeats the check; it took half the time of a text column")]
    Ok(unsafe { OffsetBuffer::new_unchecked(offsets) })
}
