//! A batch: the unit in which rows move, with the hidden columns that travel beside the user's.

use std::ops::Range;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use arrow_schema::SchemaRef;
use arrow_select::{filter::filter_record_batch, take::take_record_batch};

use crate::{Result, key::CodedKeys, time::Micros};

/// Where the rows of a batch came from: the source partition and the number of the first row in it. Rows lose
/// their exact numbers when they are filtered or exchanged; the origin then names the batch they came with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The source partition, numbered over the whole job.
    pub partition: u32,
    /// The row number, in the partition, of the batch's first row when it left the source.
    pub first_row: u64,
}

/// The bytes of a record batch's rows; of a buffer that it shares only its own part.
pub fn row_bytes(rows: &RecordBatch) -> usize {
    // Arrow knows the size of every type that has a layout, and rows of another cannot be made.
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum()
}

/// A record batch and its hidden columns, each either absent or exactly as long as the batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The user's columns.
    pub data: RecordBatch,
    /// Event times, set by `watermark()` and by windows.
    pub times: Option<ScalarBuffer<Micros>>,
    /// Row watermarks: for each row, the watermark of its partition just before it.
    pub row_watermarks: Option<ScalarBuffer<Micros>>,
    /// Row kinds as bytes of [`crate::RowKind`]; absent when every row is an insert.
    pub kinds: Option<ScalarBuffer<u8>>,
    /// The keys of the rows, set by the exchange for the operator behind it.
    pub keys: Option<CodedKeys>,
    /// Where the rows came from.
    pub origin: Origin,
}

impl Batch {
    /// A batch without hidden columns.
    pub fn new(data: RecordBatch) -> Self {
        Batch { data, times: None, row_watermarks: None, kinds: None, keys: None, origin: Origin::default() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.data.num_rows()
    }

    /// The bytes of its rows; of a buffer that it shares only its own part.
    pub fn bytes(&self) -> usize {
        let wide = [self.times.is_some(), self.row_watermarks.is_some()].iter().filter(|set| **set).count() * 8;
        let of_row = wide + 4 * usize::from(self.keys.is_some()) + usize::from(self.kinds.is_some());
        row_bytes(&self.data) + of_row * self.rows()
    }

    /// The same rows and hidden columns under other user columns.
    ///
    /// # Errors
    /// When `columns` do not fit `schema` or have another length.
    pub fn with_columns(&self, schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<Self> {
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let data = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok(Batch { data, ..self.clone() })
    }

    /// The rows in `range`, without a copy.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let (at, len) = (range.start, range.len());
        Batch {
            data: self.data.slice(at, len),
            times: self.times.as_ref().map(|values| values.slice(at, len)),
            row_watermarks: self.row_watermarks.as_ref().map(|values| values.slice(at, len)),
            kinds: self.kinds.as_ref().map(|values| values.slice(at, len)),
            keys: self.keys.as_ref().map(|keys| keys.with(keys.codes.slice(at, len))),
            origin: Origin { first_row: self.origin.first_row + at as u64, ..self.origin },
        }
    }

    /// The rows at `indices`, in that order.
    ///
    /// # Errors
    /// When an index lies outside the batch.
    pub fn take(&self, indices: &UInt32Array) -> Result<Self> {
        Ok(Batch {
            data: take_record_batch(&self.data, indices)?,
            times: self.times.as_ref().map(|values| gather(values, indices)),
            row_watermarks: self.row_watermarks.as_ref().map(|values| gather(values, indices)),
            kinds: self.kinds.as_ref().map(|values| gather(values, indices)),
            keys: self.keys.as_ref().map(|keys| keys.with(gather(&keys.codes, indices))),
            origin: self.origin,
        })
    }

    /// The rows for which `mask` is true; a null counts as false.
    ///
    /// # Errors
    /// When the mask has another length.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        if mask.true_count() == self.rows() {
            return Ok(self.clone());
        }
        let Batch { times, row_watermarks, kinds, keys, .. } = self;
        if times.is_none() && row_watermarks.is_none() && kinds.is_none() && keys.is_none() {
            return Ok(Batch { data: filter_record_batch(&self.data, mask)?, ..self.clone() });
        }
        let kept = (0..mask.len()).filter(|&row| mask.is_valid(row) && mask.value(row));
        self.take(&UInt32Array::from_iter_values(kept.map(|row| row as u32)))
    }
}

fn gather<T: ArrowNativeType>(values: &ScalarBuffer<T>, indices: &UInt32Array) -> ScalarBuffer<T> {
    indices.values().iter().map(|&row| values[row as usize]).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;

    use super::*;
    use crate::key::KeyCoder;

    #[test]
    fn hidden_columns_follow_their_rows_each_alone() {
        let numbers = Arc::new(Int64Array::from(vec![10, 11, 12])) as ArrayRef;
        let bare = Batch::new(RecordBatch::try_from_iter([("number", numbers)]).unwrap());
        let mask = BooleanArray::from(vec![Some(true), None, Some(true)]);
        let keys = KeyCoder::default().code(bare.data.columns(), 3).unwrap();
        let set: [&dyn Fn(&mut Batch); 4] = [
            &|batch| batch.times = Some(vec![10, 11, 12].into()),
            &|batch| batch.row_watermarks = Some(vec![10, 11, 12].into()),
            &|batch| batch.keys = Some(keys.clone()),
            &|batch| batch.kinds = Some(vec![10, 11, 12].into()),
        ];
        for set in set {
            let mut batch = bare.clone();
            set(&mut batch);
            assert!(batch.bytes() > bare.bytes());
            let kept = batch.filter(&mask).unwrap();
            let wide = [kept.times, kept.row_watermarks].into_iter().flatten().map(|values| values.to_vec());
            let coded = kept.keys.into_iter().map(|keys| keys.codes.iter().map(|&code| i64::from(code) + 10).collect());
            let kinds = kept.kinds.into_iter().map(|values| values.iter().map(|&value| value.into()).collect());
            assert_eq!(wide.chain(coded).chain(kinds).collect::<Vec<Vec<i64>>>(), [[10, 12]]);
            assert_eq!(kept.data.num_rows(), 2);
        }
    }
}
