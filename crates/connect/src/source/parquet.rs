//! Rows of Parquet files, one after the other.

use std::path::PathBuf;

use arrow_schema::SchemaRef;
use headrace_core::{Batch, Origin, Result, time::Micros};
use headrace_formats::ParquetReader;

use super::{Polled, Position, Source, check_fingerprint};

/// One partition: the files in the order of the list, rows in file order.
pub struct ParquetSource {
    readers: Vec<ParquetReader>,
    partition: u32,
    file: usize,
    row: u64,
    ended: bool,
    fingerprint: String,
}

impl ParquetSource {
    /// Opens all files and checks their columns against `schema`.
    ///
    /// # Errors
    /// `HR_NOT_FOUND`, `HR_DATA_CORRUPT`, `HR_UNKNOWN_COLUMN` or `HR_TYPE_MISMATCH`, naming the file.
    pub fn open(paths: &[PathBuf], schema: &SchemaRef, batch_rows: usize, partition: u32) -> Result<Self> {
        let open = |path: &PathBuf| ParquetReader::open(path, Some(schema), batch_rows);
        let readers = paths.iter().map(open).collect::<Result<Vec<_>>>()?;
        let fingerprint = readers.iter().map(|reader| reader.fingerprint()).collect::<Vec<_>>().join("+");
        Ok(ParquetSource { readers, partition, file: 0, row: 0, ended: false, fingerprint })
    }
}

impl Source for ParquetSource {
    fn poll(&mut self, _now: Micros) -> Result<Polled> {
        while let Some(reader) = self.readers.get_mut(self.file) {
            if let Some(data) = reader.next_batch()? {
                let mut batch = Batch::new(data);
                batch.origin = Origin { partition: self.partition, first_row: self.row };
                self.row += batch.rows() as u64;
                return Ok(Polled::Batch(batch));
            }
            self.file += 1;
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
        check_fingerprint(position, &self.fingerprint, "a Parquet file")?;
        let mut left = position.row;
        while let Some(reader) = self.readers.get_mut(self.file)
            && left >= reader.rows()
        {
            left -= reader.rows();
            self.file += 1;
        }
        if let Some(reader) = self.readers.get_mut(self.file) {
            reader.skip_rows(left)?;
        }
        self.row = position.row;
        Ok(())
    }
}
