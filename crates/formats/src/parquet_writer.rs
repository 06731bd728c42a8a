//! Writing Parquet files durably, with their checksum.
#![expect(clippy::disallowed_methods, reason = "it writes files")]

use std::error::Error as StdError;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use headrace_core::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use xxhash_rust::xxh3::Xxh3Default;

use crate::failure::io_error;

/// A row group ends after this many rows.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;
/// A row group ends earlier when it has grown to about this many bytes; the memory of a writer is of that order.
pub const ROW_GROUP_BYTES: usize = 64 * 1024 * 1024;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The length of the file.
    pub bytes: u64,
    /// The xxh3-64 of its content, as 16 hexadecimal digits.
    pub checksum: String,
}

/// A Parquet file being written. A file that is dropped before [`ParquetFile::finish`] stays behind unfinished, as
/// it would after a crash; whoever named it removes it.
pub struct ParquetFile {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<Checksummed>,
}

impl ParquetFile {
    /// Creates the file, or empties it when it is there. Snappy, with the extremes of each column chunk.
    ///
    /// # Errors
    /// `HR_IO` naming the path.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self> {
        ParquetFile::create_noted(path, schema, &[])
    }

    /// As [`ParquetFile::create`], with notes in the footer, each a key and a text, for
    /// [`ParquetReader::note`](crate::ParquetReader::note).
    ///
    /// # Errors
    /// As [`ParquetFile::create`].
    pub fn create_noted(path: &Path, schema: SchemaRef, notes: &[(&str, String)]) -> Result<Self> {
        let notes = notes.iter().map(|(key, text)| KeyValue::new((*key).to_owned(), text.clone()));
        let file = File::create(path).map_err(|error| io_error("create", path, &error))?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("headrace version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .set_key_value_metadata(Some(notes.collect()).filter(|notes: &Vec<KeyValue>| !notes.is_empty()))
            .build();
        let output = Checksummed { file, bytes: 0, hash: Xxh3Default::new() };
        let writer = ArrowWriter::try_new(output, Arc::clone(&schema), Some(properties));
        Ok(ParquetFile { writer: writer.map_err(|error| write_error(path, error))?, path: path.to_owned(), schema })
    }

    /// Appends the rows of a batch whose columns are those of the file.
    ///
    /// # Errors
    /// `HR_IO` naming the path, such as for a full disk; `HR_INTERNAL` for other columns.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        // The encoder itself goes by the places of columns and would take another one under a wrong name.
        if !self.schema.contains(&batch.schema()) {
            return Err(Error::internal(format!("rows of other columns were written to '{}'", self.path.display())));
        }
        self.writer.write(batch).map_err(|error| write_error(&self.path, error))
    }

    /// Writes the footer and makes the file and its name durable (fsync of the file and of its folder).
    ///
    /// # Errors
    /// `HR_IO` naming the path.
    pub fn finish(self) -> Result<Written> {
        let ParquetFile { path, mut writer, .. } = self;
        // Not `into_inner`, which flushes too but keeps of a full disk only the text.
        writer.finish().map_err(|error| write_error(&path, error))?;
        let output = writer.inner();
        let synced = output.file.sync_all().and_then(|()| sync_folder(&path));
        synced.map_err(|error| io_error("write", &path, &error))?;
        Ok(Written { bytes: output.bytes, checksum: format!("{:016x}", output.hash.digest()) })
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only Unix opens folders as files; elsewhere the file system alone decides when names become durable.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The I/O error that the encoder wrapped, or, when it refused the batch itself, a defect of ours.
fn write_error(path: &Path, error: ParquetError) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        match inner.downcast_ref::<io::Error>() {
            Some(io) if io.get_ref().is_none() => return io_error("write", path, io),
            Some(wrapped) => cause = wrapped.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => cause = inner.source(),
        }
    }
    Error::internal(format!("'{}' could not be encoded: {error}", path.display()))
}

/// Counts and hashes what goes through to the file.
struct Checksummed {
    file: File,
    bytes: u64,
    hash: Xxh3Default,
}

impl Write for Checksummed {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write(data)?;
        self.hash.update(data.get(..written).unwrap_or(data));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests;
