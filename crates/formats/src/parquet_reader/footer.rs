//! The end of a Parquet file, and the checks that let the decoder be trusted with the rest.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};
use headrace_core::{Code, Error, Result};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Compression;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use xxhash_rust::xxh3::xxh3_64;

use crate::carried::is_dictionary;
use crate::failure::{corrupt_file, io_error};

/// The magic number at both ends of a file.
const MAGIC: &[u8; 4] = b"PAR1";
/// The magic number at the end of a file whose footer is encrypted.
const ENCRYPTED: &[u8; 4] = b"PARE";
/// The length of the metadata and the magic number, behind the metadata.
const TAIL_BYTES: u64 = 8;

/// The end of a file, which says what is in it.
pub(super) struct Footer {
    /// The metadata, without its length and the magic number.
    pub(super) bytes: Vec<u8>,
    /// The length of the whole file.
    pub(super) file_bytes: u64,
    /// The file's length and the xxh3-64 of the metadata.
    pub(super) fingerprint: String,
}

/// Finds the metadata at the end of the file.
pub(super) fn read_footer(file: &mut File, path: &Path) -> Result<Footer> {
    let unreadable = |error| io_error("read", path, &error);
    let length = file.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let Some(tail_at) = length.checked_sub(TAIL_BYTES) else {
        return Err(corrupt_file(path, format_args!("it is {length} bytes long")));
    };
    let mut tail = [0; TAIL_BYTES as usize];
    file.seek(SeekFrom::Start(tail_at)).map_err(unreadable)?;
    file.read_exact(&mut tail).map_err(unreadable)?;
    let [a, b, c, d, magic @ ..] = tail;
    if &magic == ENCRYPTED {
        return Err(corrupt_file(path, "it is encrypted, which is not supported"));
    }
    let metadata_bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    let metadata_at = tail_at.checked_sub(metadata_bytes).filter(|at| *at >= MAGIC.len() as u64 && &magic == MAGIC);
    let Some(metadata_at) = metadata_at else {
        return Err(corrupt_file(path, "it does not end as a Parquet file does"));
    };
    // The file is at least as long as its metadata, so a wrong length cannot ask for more memory than that.
    let mut bytes = vec![0; metadata_bytes as usize];
    file.seek(SeekFrom::Start(metadata_at)).map_err(unreadable)?;
    file.read_exact(&mut bytes).map_err(unreadable)?;
    let fingerprint = format!("{length}-{:016x}", xxh3_64(&bytes));
    Ok(Footer { bytes, file_bytes: length, fingerprint })
}

/// Decodes the metadata, and the layout to decode each column into; text that is declared as a dictionary stays one.
pub(super) fn read_metadata(path: &Path, footer: &[u8], declared: Option<&Schema>) -> Result<ArrowReaderMetadata> {
    let corrupt = |error| corrupt_file(path, error);
    let metadata = Arc::new(ParquetMetaDataReader::decode_metadata(footer).map_err(corrupt)?);
    let options = || ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
    let as_written = ArrowReaderMetadata::try_new(Arc::clone(&metadata), options()).map_err(corrupt)?;
    if as_written.schema().fields().len() != metadata.file_metadata().schema_descr().root_schema().get_fields().len() {
        return Err(corrupt_file(path, "it has a column without any values"));
    }
    // Where the writer asked for another layout of text or bytes than is carried, decoding straight into that saves
    // a copy. The decoder may refuse; then `widen` does it.
    let plain: Vec<Field> = as_written.schema().fields().iter().map(|field| plain_layout(field, declared)).collect();
    let plain = Arc::new(Schema::new_with_metadata(plain, as_written.schema().metadata().clone()));
    if &plain == as_written.schema() {
        return Ok(as_written);
    }
    Ok(ArrowReaderMetadata::try_new(metadata, options().with_schema(plain)).unwrap_or(as_written))
}

fn plain_layout(field: &Field, declared: Option<&Schema>) -> Field {
    let layout = match field.data_type() {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    let layout = match layout {
        DataType::LargeUtf8 | DataType::Utf8View => &DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => &DataType::Binary,
        other => other,
    };
    let declared = declared.and_then(|declared| declared.field_with_name(field.name()).ok());
    let layout = match declared.map(Field::data_type) {
        Some(dictionary) if is_dictionary(dictionary) && layout == &DataType::Utf8 => dictionary,
        _ => layout,
    };
    Field::new(field.name(), layout.clone(), field.is_nullable()).with_metadata(field.metadata().clone())
}

/// Refuses what the decoder would stumble over: chunks outside the file, and codecs that are not built in.
pub(super) fn check_chunks(
    path: &Path,
    metadata: &ArrowReaderMetadata,
    roots: &[usize],
    file_bytes: u64,
) -> Result<()> {
    let schema = metadata.parquet_schema();
    for group in metadata.metadata().row_groups() {
        for (leaf, chunk) in group.columns().iter().enumerate() {
            if !roots.contains(&schema.get_column_root_idx(leaf)) {
                continue;
            }
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let (start, bytes) = (u64::try_from(start), u64::try_from(chunk.compressed_size()));
            let end = start.ok().zip(bytes.ok()).and_then(|(start, bytes)| start.checked_add(bytes));
            if end.is_none_or(|end| end > file_bytes) || chunk.data_page_offset() < 0 {
                return Err(corrupt_file(path, "the pages of a column lie outside the file"));
            }
            if !matches!(chunk.compression(), Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_)) {
                let (codec, file) = (chunk.compression(), path.display());
                let message = format!("'{file}' is compressed with {codec}, which headrace does not read");
                return Err(Error::new(Code::TypeMismatch, message).hint("Write it with Snappy or Zstandard."));
            }
        }
    }
    Ok(())
}

/// The number of rows, on which row groups and file must agree.
pub(super) fn count_rows(path: &Path, metadata: &ParquetMetaData) -> Result<u64> {
    let mut rows = Some(0u64);
    for group in metadata.row_groups() {
        rows = rows.and_then(|rows| rows.checked_add(u64::try_from(group.num_rows()).ok()?));
    }
    match rows {
        Some(rows) if i64::try_from(rows) == Ok(metadata.file_metadata().num_rows()) => Ok(rows),
        _ => Err(corrupt_file(path, "its row groups do not add up to its number of rows")),
    }
}
