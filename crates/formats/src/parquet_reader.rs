//! Reading Parquet files in bounded memory, with every column under its carried type.
#![expect(clippy::disallowed_methods, reason = "it reads files")]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use headrace_core::{Code, Error, Result};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::carried::widen;
use crate::failure::{corrupt_file, decoding, io_error};

mod columns;
mod footer;

use columns::choose_columns;
use footer::{check_chunks, count_rows, read_footer, read_metadata};

/// A Parquet file, read forwards in batches. Row groups are streamed page by page: memory is one batch and, for
/// each column, its current page and dictionary.
pub struct ParquetReader {
    path: PathBuf,
    file: File,
    metadata: ArrowReaderMetadata,
    /// For each column of `schema`, its number among the columns of the file.
    roots: Vec<usize>,
    schema: SchemaRef,
    batch_rows: usize,
    rows: u64,
    position: u64,
    fingerprint: String,
    /// The decoder behind `position`, from the first read on.
    pages: Option<ParquetRecordBatchReader>,
}

/// The columns of a Parquet file under the types that headrace carries.
///
/// # Errors
/// As [`ParquetReader::open`].
pub fn parquet_schema(path: &Path) -> Result<SchemaRef> {
    Ok(ParquetReader::open(path, None, 1)?.schema())
}

impl ParquetReader {
    /// Opens the file for the given columns, in their order and under their types, or for all of its columns;
    /// [`ParquetReader::next_batch`] returns at most `batch_rows` rows.
    ///
    /// # Errors
    /// `HR_NOT_FOUND` and `HR_IO` for the file itself, `HR_DATA_CORRUPT` when it is not intact, `HR_UNKNOWN_COLUMN`
    /// for a column that it does not have, `HR_TYPE_MISMATCH` for a column of a type that is not carried or does
    /// not widen to the declared one, and `HR_OPTION_INVALID` when `batch_rows` is 0.
    pub fn open(path: &Path, columns: Option<&Schema>, batch_rows: usize) -> Result<Self> {
        if batch_rows == 0 {
            return Err(Error::new(Code::OptionInvalid, "batchRows must be at least 1"));
        }
        let mut file = File::open(path).map_err(|error| open_error(path, &error))?;
        let footer = read_footer(&mut file, path)?;
        let metadata = decoding(|reason| corrupt_file(path, reason), || read_metadata(path, &footer.bytes, columns))?;
        let (roots, schema) = choose_columns(path, metadata.schema(), columns)?;
        check_chunks(path, &metadata, &roots, footer.file_bytes)?;
        Ok(ParquetReader {
            rows: count_rows(path, metadata.metadata())?,
            path: path.to_owned(),
            file,
            metadata,
            roots,
            schema: Arc::new(schema),
            batch_rows,
            position: 0,
            fingerprint: footer.fingerprint,
            pages: None,
        })
    }

    /// The columns as they are returned.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// A note in the footer, as [`ParquetFile::create_noted`](crate::ParquetFile::create_noted) leaves it.
    pub fn note(&self, key: &str) -> Option<&str> {
        let notes = self.metadata.metadata().file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    /// The number of rows in the file.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of the row that is returned next.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Tells this file from every other, and from itself after a change, for as good as certain: the file's length
    /// and the xxh3-64 of its footer, which holds the sizes, places and (as written by most) extremes of all pages.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Leaves out the next `count` rows; row groups that lie within them are not read.
    ///
    /// # Errors
    /// `HR_SOURCE_CHANGED` when the file has no `count` rows left.
    pub fn skip_rows(&mut self, count: u64) -> Result<()> {
        if count > self.rows - self.position {
            let (file, position, rows) = (self.path.display(), self.position, self.rows);
            let message = format!("row {position} + {count} of '{file}' was asked for, but it has {rows} rows");
            return Err(Error::new(Code::SourceChanged, message));
        }
        if count > 0 {
            self.position += count;
            self.pages = None;
        }
        Ok(())
    }

    /// The next rows, at most `batch_rows` and at least one; `None` at the end of the file.
    ///
    /// # Errors
    /// `HR_DATA_CORRUPT` when the file is damaged, `HR_TYPE_MISMATCH` for a null in a column declared without
    /// nulls, `HR_OVERFLOW` for a time outside the range of microseconds; each names the file.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.position == self.rows {
            self.pages = None;
            return Ok(None);
        }
        let mut pages = self.pages.take();
        let batch = decoding(|reason| corrupt_file(&self.path, reason), || self.decode(&mut pages))?;
        let batch = self.carry(&batch)?;
        self.position += batch.num_rows() as u64;
        self.pages = pages;
        Ok(Some(batch))
    }

    fn decode(&self, pages: &mut Option<ParquetRecordBatchReader>) -> Result<RecordBatch> {
        let pages = match pages {
            Some(pages) => pages,
            None => pages.insert(self.start_decoding()?),
        };
        let left = self.rows - self.position;
        match pages.next() {
            Some(Ok(batch)) if batch.num_rows() as u64 <= left => Ok(batch),
            Some(Ok(_)) => Err(corrupt_file(&self.path, "it holds more rows than it says")),
            Some(Err(error)) => Err(corrupt_file(&self.path, error)),
            None => Err(corrupt_file(&self.path, format_args!("{left} rows are missing at its end"))),
        }
    }

    fn start_decoding(&self) -> Result<ParquetRecordBatchReader> {
        let file = self.file.try_clone().map_err(|error| io_error("read", &self.path, &error))?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), self.roots.iter().copied());
        let mut skip = self.position;
        let groups = self.metadata.metadata().row_groups().iter().map(|group| group.num_rows() as u64).enumerate();
        let left: Vec<usize> = groups
            .skip_while(|(_, rows)| {
                let whole = *rows <= skip;
                skip -= if whole { *rows } else { 0 };
                whole
            })
            .map(|(group, _)| group)
            .collect();
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_row_groups(left)
            .with_offset(skip as usize)
            .with_batch_size(self.batch_rows)
            .build()
            .map_err(|error| corrupt_file(&self.path, error))
    }

    /// The decoded columns in the order and under the types of `schema`.
    fn carry(&self, decoded: &RecordBatch) -> Result<RecordBatch> {
        // The decoder returns the columns in the order of the file, each once.
        let mut in_file: Vec<usize> = self.roots.clone();
        in_file.sort_unstable();
        in_file.dedup();
        let mut columns = Vec::with_capacity(self.roots.len());
        for (root, field) in self.roots.iter().zip(self.schema.fields()) {
            let place = in_file.binary_search(root).ok().and_then(|at| decoded.columns().get(at));
            let column = place.ok_or_else(|| corrupt_file(&self.path, "a column is missing from its pages"))?;
            columns.push(self.carry_column(column, field)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(decoded.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema(), columns, &options)?)
    }

    fn carry_column(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        let place = || format!("column '{}' of '{}'", field.name(), self.path.display());
        let widened = widen(column, field.data_type())
            .map_err(|error| Error::new(error.code(), format!("{}: {}", place(), error.message())))?;
        if let (false, Some(nulls)) = (field.is_nullable(), widened.nulls()) {
            let row = nulls.iter().position(|valid| !valid);
            if let Some(row) = row.map(|row| self.position + row as u64) {
                let message = format!("{} is declared without nulls, but row {row} holds one", place());
                return Err(Error::new(Code::TypeMismatch, message).hint("Declare the column as nullable."));
            }
        }
        Ok(widened)
    }
}

fn open_error(path: &Path, error: &io::Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return io_error("open", path, error);
    }
    Error::new(Code::NotFound, format!("there is no file '{}'", path.display()))
        .hint("Check the path; a relative one starts at the folder where the program was started.")
}

#[cfg(test)]
mod tests;
