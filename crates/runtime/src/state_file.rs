//! One state file: a part of an operator's state, in Parquet, under the version of its layout.

use std::path::Path;

use arrow_array::RecordBatch;
use headrace_core::{Code, Error, Result};
use headrace_formats::{ParquetFile, ParquetReader, Written};
use headrace_operators::STATE_VERSION;

/// The note in the file's footer that makes it a state file, and says which version.
const VERSION_NOTE: &str = "headrace.state_version";
/// Rows per read.
const READ_ROWS: usize = 8192;

/// Writes a part durably.
///
/// # Errors
/// `HR_IO` naming the path.
pub(crate) fn write(path: &Path, rows: &RecordBatch) -> Result<Written> {
    let version = (VERSION_NOTE, STATE_VERSION.to_string());
    let mut file = ParquetFile::create_noted(path, rows.schema(), &[version])?;
    file.write(rows)?;
    file.finish()
}

/// Reads the part in file `name` of a folder.
///
/// # Errors
/// `HR_CHECKPOINT_VERSION` for another version, `HR_CHECKPOINT_DAMAGED` when it cannot be read; each names the file.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Vec<RecordBatch>> {
    let unreadable = |reason: &str| {
        Error::new(Code::CheckpointDamaged, format!("state file {name} cannot be read: {reason}"))
            .hint("Restore the file from a backup, or start over with a fresh checkpoint folder (--fresh).")
    };
    let mut reader = ParquetReader::open(&folder.join(name), None, READ_ROWS).map_err(|e| unreadable(e.message()))?;
    match reader.note(VERSION_NOTE) {
        Some(version) if version == STATE_VERSION.to_string() => {}
        Some(version) => return Err(other_version(name, version)),
        None => return Err(unreadable("it is no state file of headrace")),
    }
    let mut rows = Vec::new();
    while let Some(batch) = reader.next_batch().map_err(|error| unreadable(error.message()))? {
        rows.push(batch);
    }
    Ok(rows)
}

fn other_version(name: &str, version: &str) -> Error {
    let message = format!("state file {name} is of version {version}; this headrace reads version {STATE_VERSION}");
    Error::new(Code::CheckpointVersion, message)
        .hint("Resume with the version that wrote it, or start over with a fresh checkpoint folder (--fresh).")
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "files are changed to see what becomes of them")]
mod tests {
    use std::{fs, sync::Arc};

    use arrow_array::Int64Array;

    use super::*;

    fn rows() -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..20_000);
        RecordBatch::try_from_iter([("number", Arc::new(numbers) as arrow_array::ArrayRef)]).unwrap()
    }

    fn failure(folder: &Path) -> (Code, String) {
        let error = read(folder, "part").unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("part"), &rows()).unwrap();
        let read = read(folder.path(), "part").unwrap();
        assert_eq!(arrow_select::concat::concat_batches(&rows().schema(), &read).unwrap(), rows());
    }

    #[test]
    fn another_version_is_named_with_the_file_and_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        write(&path, &rows()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(VERSION_NOTE.len()).position(|window| window == VERSION_NOTE.as_bytes()).unwrap();
        let digit = at + bytes[at..].iter().position(|byte| *byte == b'1').unwrap();
        bytes[digit] = b'7';
        fs::write(&path, &bytes).unwrap();
        let (code, text) = failure(folder.path());
        assert_eq!(code, Code::CheckpointVersion);
        for part in ["part", "version 7", "version 1", "--fresh"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }

    #[test]
    fn a_file_without_a_version_or_cut_short_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let mut foreign = ParquetFile::create(&path, rows().schema()).unwrap();
        foreign.write(&rows()).unwrap();
        foreign.finish().unwrap();
        assert_eq!(failure(folder.path()).0, Code::CheckpointDamaged);
        write(&path, &rows()).unwrap();
        let bytes = fs::read(&path).unwrap();
        for length in [0, 4, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            let (code, text) = failure(folder.path());
            assert!(code == Code::CheckpointDamaged && text.contains("part"), "{length}: {text}");
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(failure(folder.path()).0, Code::CheckpointDamaged);
    }
}
