//! From a batch into an arena.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use arrow_array::{Array, ArrowPrimitiveType, GenericByteArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, TimeUnit};
use headrace_core::{Code, Error, Result};

use super::ALIGNMENT;
use crate::carried::is_dictionary;

/// The bytes that an arena for the batch needs. A column that is not carried counts as nothing; [`write_arena`]
/// refuses it.
pub fn arena_bytes(batch: &RecordBatch) -> usize {
    let mut end = 0;
    for column in batch.columns() {
        let walked = walk(column, &mut |step| {
            if let Step::Part(part) = step
                && part.bytes() > 0
            {
                end = aligned(end) + part.bytes();
            }
            Ok(())
        });
        if walked.is_err() {
            return end;
        }
    }
    end
}

/// Copies the batch into an arena of at least [`arena_bytes`] and returns its layout.
///
/// # Errors
/// `HR_TYPE_MISMATCH` for a column of a type that is not carried, `HR_INTERNAL` when the arena is too small.
pub fn write_arena(batch: &RecordBatch, arena: &mut [u8]) -> Result<Vec<f64>> {
    let mut layout = Vec::with_capacity(batch.num_columns() * 9);
    let mut end = 0;
    for column in batch.columns() {
        walk(column, &mut |step| {
            match step {
                Step::Array { length, nulls, buffers } => layout.extend([length, nulls, buffers].map(|n| n as f64)),
                Step::Part(part) if part.bytes() == 0 => layout.extend([0.0, 0.0]),
                Step::Part(part) => {
                    let start = aligned(end);
                    end = start + part.bytes();
                    let room = arena.get_mut(start..end);
                    part.copy_to(room.ok_or_else(|| Error::internal("the arena is smaller than arena_bytes"))?);
                    layout.extend([start, part.bytes()].map(|n| n as f64));
                }
            }
            Ok(())
        })?;
    }
    Ok(layout)
}

fn aligned(at: usize) -> usize {
    at.next_multiple_of(ALIGNMENT)
}

/// One step of the walk: an array begins, or one of its buffers follows.
enum Step<'a> {
    Array { length: usize, nulls: usize, buffers: usize },
    Part(Part<'a>),
}

/// A buffer of an array, not yet normalised.
enum Part<'a> {
    Bytes(&'a [u8]),
    Bits(&'a BooleanBuffer),
    /// Offsets into a child or text that starts at the first of them.
    Offsets(&'a [i32]),
}

impl Part<'_> {
    fn bytes(&self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Bits(bits) => bits.len().div_ceil(8),
            Part::Offsets(offsets) => size_of_val(*offsets),
        }
    }

    /// Copies into `out`, which is exactly [`Part::bytes`] long.
    fn copy_to(&self, out: &mut [u8]) {
        match self {
            Part::Bytes(bytes) => out.copy_from_slice(bytes),
            Part::Bits(bits) if bits.offset() % 8 == 0 => {
                out.copy_from_slice(&bits.values()[bits.offset() / 8..][..out.len()]);
            }
            Part::Bits(bits) => {
                for (out, word) in out.chunks_mut(8).zip(bits.bit_chunks().iter_padded()) {
                    out.copy_from_slice(&word.to_le_bytes()[..out.len()]);
                }
            }
            Part::Offsets(offsets) => {
                let first = offsets.first().copied().unwrap_or(0);
                for (out, offset) in out.as_chunks_mut::<4>().0.iter_mut().zip(*offsets) {
                    *out = (offset - first).to_le_bytes();
                }
            }
        }
    }
}

type Visit<'v> = dyn FnMut(Step<'_>) -> Result<()> + 'v;

fn walk(array: &dyn Array, visit: &mut Visit<'_>) -> Result<()> {
    match array.data_type() {
        DataType::Boolean => {
            begin(array, 2, visit)?;
            visit(Step::Part(Part::Bits(array.as_boolean().values())))
        }
        DataType::Int32 => primitive::<Int32Type>(array, visit),
        DataType::Int64 => primitive::<Int64Type>(array, visit),
        DataType::Float32 => primitive::<Float32Type>(array, visit),
        DataType::Float64 => primitive::<Float64Type>(array, visit),
        DataType::Date32 => primitive::<Date32Type>(array, visit),
        DataType::Timestamp(TimeUnit::Microsecond, None) => primitive::<TimestampMicrosecondType>(array, visit),
        DataType::Duration(TimeUnit::Microsecond) => primitive::<DurationMicrosecondType>(array, visit),
        DataType::Utf8 => byte_strings(array.as_string::<i32>(), visit),
        DataType::Binary => byte_strings(array.as_binary::<i32>(), visit),
        data_type if is_dictionary(data_type) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            begin(array, 2, visit)?;
            visit(Step::Part(Part::Bytes(dictionary.keys().values().inner())))?;
            byte_strings(dictionary.values().as_string::<i32>(), visit)
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let (first, last) = ends(list.value_offsets());
            begin(array, 2, visit)?;
            visit(Step::Part(Part::Offsets(list.value_offsets())))?;
            walk(&list.values().slice(first, last - first), visit)
        }
        DataType::Struct(_) => {
            begin(array, 1, visit)?;
            array.as_struct().columns().iter().try_for_each(|column| walk(column, visit))
        }
        other => Err(Error::new(Code::TypeMismatch, format!("columns of Arrow type {other} are not carried"))),
    }
}

/// The array itself and its validity, which every array has as its first buffer.
fn begin(array: &dyn Array, buffers: usize, visit: &mut Visit<'_>) -> Result<()> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    visit(Step::Array { length: array.len(), nulls: nulls.map_or(0, |nulls| nulls.null_count()), buffers })?;
    visit(Step::Part(nulls.map_or(Part::Bytes(&[]), |nulls| Part::Bits(nulls.inner()))))
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array, visit: &mut Visit<'_>) -> Result<()> {
    begin(array, 2, visit)?;
    visit(Step::Part(Part::Bytes(array.as_primitive::<T>().values().inner())))
}

fn byte_strings<T: ByteArrayType<Offset = i32>>(array: &GenericByteArray<T>, visit: &mut Visit<'_>) -> Result<()> {
    let (first, last) = ends(array.value_offsets());
    begin(array, 3, visit)?;
    visit(Step::Part(Part::Offsets(array.value_offsets())))?;
    visit(Step::Part(Part::Bytes(&array.value_data()[first..last])))
}

fn ends(offsets: &[i32]) -> (usize, usize) {
    let end = |offset: Option<&i32>| offset.map_or(0, |offset| *offset as usize);
    (end(offsets.first()), end(offsets.last()))
}
