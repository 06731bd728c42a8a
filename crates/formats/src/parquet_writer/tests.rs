use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use headrace_core::Code;
use parquet::file::reader::{FileReader, SerializedFileReader};
use xxhash_rust::xxh3::xxh3_64;

use super::*;

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let texts = StringArray::from_iter_values(
        range.clone().map(|n| format!("{:x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64))),
    );
    let columns: Vec<(&str, ArrayRef)> =
        vec![("n", Arc::new(Int64Array::from_iter_values(range))), ("t", Arc::new(texts))];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn says_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let mut file = ParquetFile::create(&path, numbers(0..0).schema()).unwrap();
    file.write(&numbers(0..1000)).unwrap();
    let written = file.finish().unwrap();
    let content = std::fs::read(&path).unwrap();
    assert_eq!(written, Written { bytes: content.len() as u64, checksum: format!("{:016x}", xxh3_64(&content)) });
}

#[test]
fn row_groups_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.parquet");
    let mut file = ParquetFile::create(&path, numbers(0..0).schema()).unwrap();
    for start in (0..300_000).step_by(10_000) {
        file.write(&numbers(start..start + 10_000)).unwrap();
    }
    file.finish().unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let rows: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [131_072, 131_072, 37_856]);
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("out.parquet");
    let error = ParquetFile::create(&path, numbers(0..0).schema()).err().unwrap();
    assert_eq!(error.code(), Code::Io);
    assert!(error.message().contains("missing"), "{error}");
}

#[test]
fn rows_of_another_schema_are_a_defect() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = ParquetFile::create(&folder.path().join("out.parquet"), numbers(0..0).schema()).unwrap();
    let other = RecordBatch::try_from_iter(vec![("x", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    assert_eq!(file.write(&other).unwrap_err().code(), Code::Internal);
}

/// Linux has a device on which every write fails for want of space.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    let path = Path::new("/dev/full");
    // Many rows fail as they are written, few only when the file is finished.
    for rows in [1_000_000, 10] {
        let fails = || {
            let mut file = ParquetFile::create(path, numbers(0..0).schema())?;
            for start in (0..rows).step_by(100_000) {
                file.write(&numbers(start..(start + 100_000).min(rows)))?;
            }
            file.finish()
        };
        let error = fails().unwrap_err();
        assert_eq!(error.code(), Code::Io, "{error}");
        assert!(error.to_string().contains("/dev/full") && error.to_string().contains("space"), "{error}");
    }
}
