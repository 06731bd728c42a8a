//! A batch: the unit in which rows move, with the hidden columns that travel beside the user's.

use std::ops::Range;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow_buffer::{ArrowNativeType, ScalarBuffer};
use arrow_schema::SchemaRef;
use arrow_select::{concat::concat_batches, filter::filter_record_batch, take::take_record_batch};

use crate::{Result, time::Micros};

/// Where the rows of a batch came from: the source partition and the number of the first row in it. Rows lose
/// their exact numbers when they are filtered or exchanged; the origin then names the batch they came with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// The source partition, numbered over the whole job.
    pub partition: u32,
    /// The row number, in the partition, of the batch's first row when it left the source.
    pub first_row: u64,
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
    /// Hashes of the key columns, set by the exchange for the operator behind it.
    pub key_hashes: Option<ScalarBuffer<u64>>,
    /// Where the rows came from.
    pub origin: Origin,
}

impl Batch {
    /// A batch without hidden columns.
    pub fn new(data: RecordBatch) -> Self {
        Batch { data, times: None, row_watermarks: None, kinds: None, key_hashes: None, origin: Origin::default() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.data.num_rows()
    }

    /// The bytes the batch keeps alive; shared buffers are counted each time.
    pub fn bytes(&self) -> usize {
        let hidden = [self.times.is_some(), self.row_watermarks.is_some(), self.key_hashes.is_some()];
        let of_row = hidden.iter().filter(|set| **set).count() * 8 + usize::from(self.kinds.is_some());
        self.data.get_array_memory_size() + of_row * self.rows()
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
            key_hashes: self.key_hashes.as_ref().map(|values| values.slice(at, len)),
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
            key_hashes: self.key_hashes.as_ref().map(|values| gather(values, indices)),
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
        let Batch { times, row_watermarks, kinds, key_hashes, .. } = self;
        if times.is_none() && row_watermarks.is_none() && kinds.is_none() && key_hashes.is_none() {
            return Ok(Batch { data: filter_record_batch(&self.data, mask)?, ..self.clone() });
        }
        let kept = (0..mask.len()).filter(|&row| arrow_array::Array::is_valid(mask, row) && mask.value(row));
        self.take(&UInt32Array::from_iter_values(kept.map(|row| row as u32)))
    }

    /// One batch with the rows of all, in order; the hidden columns must be set in all of them or in none.
    ///
    /// # Errors
    /// When the schemas differ or there is no batch.
    pub fn concat(batches: &[Batch]) -> Result<Self> {
        let first = batches.first().ok_or_else(|| crate::Error::internal("concat of no batches"))?;
        let data = concat_batches(&first.data.schema(), batches.iter().map(|batch| &batch.data))?;
        Ok(Batch {
            data,
            times: join(batches, |batch| batch.times.as_ref()),
            row_watermarks: join(batches, |batch| batch.row_watermarks.as_ref()),
            kinds: join(batches, |batch| batch.kinds.as_ref()),
            key_hashes: join(batches, |batch| batch.key_hashes.as_ref()),
            origin: first.origin,
        })
    }
}

fn gather<T: ArrowNativeType>(values: &ScalarBuffer<T>, indices: &UInt32Array) -> ScalarBuffer<T> {
    indices.values().iter().map(|&row| values[row as usize]).collect()
}

fn join<T: ArrowNativeType>(
    batches: &[Batch],
    column: impl Fn(&Batch) -> Option<&ScalarBuffer<T>>,
) -> Option<ScalarBuffer<T>> {
    let parts: Option<Vec<_>> = batches.iter().map(&column).collect();
    parts.map(|parts| parts.iter().flat_map(|part| part.iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::Int64Array;

    use super::*;

    #[test]
    fn hidden_columns_follow_their_rows_each_alone() {
        let numbers = Arc::new(Int64Array::from(vec![0, 1, 2])) as ArrayRef;
        let bare = Batch::new(RecordBatch::try_from_iter([("number", numbers)]).unwrap());
        let mask = BooleanArray::from(vec![Some(true), None, Some(true)]);
        let set: [fn(&mut Batch); 4] = [
            |batch| batch.times = Some(vec![10, 11, 12].into()),
            |batch| batch.row_watermarks = Some(vec![10, 11, 12].into()),
            |batch| batch.key_hashes = Some(vec![10, 11, 12].into()),
            |batch| batch.kinds = Some(vec![10, 11, 12].into()),
        ];
        for set in set {
            let mut batch = bare.clone();
            set(&mut batch);
            assert!(batch.bytes() > bare.bytes());
            let kept = batch.filter(&mask).unwrap();
            let wide = [kept.times, kept.row_watermarks].into_iter().flatten().map(|values| values.to_vec());
            let hashes = kept.key_hashes.into_iter().map(|values| values.iter().map(|&value| value as i64).collect());
            let kinds = kept.kinds.into_iter().map(|values| values.iter().map(|&value| value.into()).collect());
            assert_eq!(wide.chain(hashes).chain(kinds).collect::<Vec<Vec<i64>>>(), [[10, 12]]);
            assert_eq!(kept.data.num_rows(), 2);
        }
    }
}
