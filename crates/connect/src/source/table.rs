//! Rows held in memory.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_data::ArrayData;
use headrace_core::{Batch, Origin, Result, time::Micros};
use xxhash_rust::xxh3::Xxh3;

use super::{Polled, Position, Source, check_fingerprint};

/// One partition of rows that the host handed over; it is replayable, because the program hands them over again.
pub struct TableSource {
    batches: Arc<Vec<RecordBatch>>,
    partition: u32,
    batch_rows: usize,
    at: (usize, usize),
    row: u64,
    ended: bool,
    fingerprint: String,
}

impl TableSource {
    /// Reads `batches` in pieces of at most `batch_rows` rows, without copying them.
    pub fn new(batches: Arc<Vec<RecordBatch>>, batch_rows: usize, partition: u32) -> Self {
        let fingerprint = fingerprint(&batches);
        TableSource { batches, partition, batch_rows, at: (0, 0), row: 0, ended: false, fingerprint }
    }
}

// Over the content: a program that is started again may well hand over other rows, and as many of them.
fn fingerprint(batches: &[RecordBatch]) -> String {
    let mut hasher = Xxh3::new();
    let columns = batches.iter().flat_map(RecordBatch::columns);
    columns.for_each(|column| hash_into(&column.to_data(), &mut hasher));
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    format!("rows:{rows}:{:016x}", hasher.digest())
}

fn hash_into(data: &ArrayData, hasher: &mut Xxh3) {
    hasher.update(&(data.len() as u64).to_le_bytes());
    let validity = data.nulls().map(|nulls| nulls.validity());
    validity
        .into_iter()
        .chain(data.buffers().iter().map(|buffer| buffer.as_slice()))
        .for_each(|bytes| hasher.update(bytes));
    data.child_data().iter().for_each(|child| hash_into(child, hasher));
}

impl Source for TableSource {
    fn poll(&mut self, _now: Micros) -> Result<Polled> {
        while let Some(data) = self.batches.get(self.at.0) {
            let length = self.batch_rows.min(data.num_rows() - self.at.1);
            if length > 0 {
                let mut batch = Batch::new(data.slice(self.at.1, length));
                batch.origin = Origin { partition: self.partition, first_row: self.row };
                self.at.1 += length;
                self.row += length as u64;
                return Ok(Polled::Batch(batch));
            }
            self.at = (self.at.0 + 1, 0);
        }
        if std::mem::replace(&mut self.ended, true) {
            return Ok(Polled::End);
        }
        Ok(Polled::PartitionEnd(self.partition))
    }

    fn positions(&self) -> Vec<Position> {
        vec![Position { partition: self.partition, row: self.row, fingerprint: self.fingerprint.clone() }]
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        check_fingerprint(position, &self.fingerprint, "the rows in memory")?;
        let mut left = position.row as usize;
        while let Some(data) = self.batches.get(self.at.0)
            && left >= data.num_rows()
        {
            left -= data.num_rows();
            self.at.0 += 1;
        }
        self.at.1 = left;
        self.row = position.row;
        Ok(())
    }
}
