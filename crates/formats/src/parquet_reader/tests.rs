use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    DictionaryArray, Int32Array, Int64Array, StringArray, StringViewArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::carried::carried_field;
use crate::parquet_writer::ParquetFile;
use crate::testing;

fn columns(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A file as another program would write it, in row groups of `group` rows.
fn file_of(batch: &RecordBatch, group: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    file
}

fn read_all(reader: &mut ParquetReader) -> Result<RecordBatch> {
    let mut batches = Vec::new();
    while let Some(batch) = reader.next_batch()? {
        assert!((1..=reader.batch_rows).contains(&batch.num_rows()));
        batches.push(batch);
    }
    assert!(reader.next_batch()?.is_none());
    Ok(concat_batches(&reader.schema(), &batches).unwrap())
}

fn read(path: &Path, declared: Option<&Schema>) -> Result<RecordBatch> {
    read_all(&mut ParquetReader::open(path, declared, 8192)?)
}

fn schema(fields: &[(&str, DataType)]) -> Schema {
    Schema::new(fields.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect::<Vec<_>>())
}

fn thousand() -> RecordBatch {
    columns(vec![
        ("id", Arc::new(Int64Array::from_iter_values(0..1000))),
        ("name", Arc::new(StringArray::from_iter_values((0..1000).map(|n| format!("name {n}"))))),
    ])
}

#[test]
fn columns_come_under_their_carried_types() {
    let names: DictionaryArray<Int32Type> = vec!["x", "y", "x"].into_iter().collect();
    let written = columns(vec![
        ("small", Arc::new(UInt8Array::from(vec![Some(1), None, Some(255)]))),
        ("count", Arc::new(UInt32Array::from(vec![1, 2, u32::MAX]))),
        ("seen", Arc::new(TimestampSecondArray::from(vec![1, 2, 3]).with_timezone("+02:00"))),
        ("exact", Arc::new(TimestampNanosecondArray::from(vec![-1, 0, 1]))),
        ("name", Arc::new(names)),
        ("view", Arc::new(StringViewArray::from(vec!["a", "b", "a string that does not fit inline"]))),
    ]);
    let file = file_of(&written, 2);
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let read = read(file.path(), None).unwrap();
    assert_eq!(parquet_schema(file.path()).unwrap(), read.schema());
    let types: Vec<_> = read.schema().fields().iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Int32, DataType::Int64, time.clone(), time, DataType::Utf8, DataType::Utf8]);
    assert_eq!(read.column(0).as_primitive::<Int32Type>(), &Int32Array::from(vec![Some(1), None, Some(255)]));
    assert_eq!(read.column(1).as_primitive::<Int64Type>().value(2), 4_294_967_295);
    assert_eq!(
        read.column(2).as_primitive::<TimestampMicrosecondType>().values()[..],
        [1_000_000, 2_000_000, 3_000_000]
    );
    assert_eq!(read.column(3).as_primitive::<TimestampMicrosecondType>().values()[..], [-1, 0, 0]);
    assert_eq!(read.column(4).as_string::<i32>(), &StringArray::from(vec!["x", "y", "x"]));
    assert_eq!(read.column(5).as_string::<i32>().value(2), "a string that does not fit inline");
}

#[test]
fn declared_columns_come_in_their_order_and_widened() {
    let written = columns(vec![
        ("a", Arc::new(Int32Array::from(vec![1, 2]))),
        ("unsigned", Arc::new(UInt64Array::from(vec![1, 2]))),
        ("b", Arc::new(StringArray::from(vec!["x", "y"]))),
    ]);
    let file = file_of(&written, 100);
    let declared = schema(&[("b", DataType::Utf8), ("a", DataType::Int64)]);
    let read = read(file.path(), Some(&declared)).unwrap();
    assert_eq!(*read.schema(), declared);
    assert_eq!(read.column(0).as_string::<i32>(), &StringArray::from(vec!["x", "y"]));
    assert_eq!(read.column(1).as_primitive::<Int64Type>(), &Int64Array::from(vec![1, 2]));
    let error = parquet_schema(file.path()).unwrap_err();
    assert_eq!(error.code(), Code::TypeMismatch);
    assert!(error.message().contains("'unsigned'"), "{error}");
}

#[test]
fn text_is_read_as_a_dictionary_where_it_is_declared() {
    let text = |row: usize| (row % 7 != 3).then(|| format!("name {}", row % 5));
    let texts: StringArray = (0..1000).map(text).collect();
    let dictionary: DictionaryArray<Int32Type> = texts.iter().collect();
    let declared = schema(&[("t", testing::dictionary_type())]);
    for column in [Arc::new(texts.clone()) as ArrayRef, Arc::new(dictionary)] {
        let file = file_of(&columns(vec![("t", column)]), 400);
        let mut reader = ParquetReader::open(file.path(), Some(&declared), 100).unwrap();
        let mut dictionaries = Vec::new();
        for at in (0..1000).step_by(100) {
            let batch = reader.next_batch().unwrap().unwrap();
            let read = batch.column(0).as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
            assert!(read.into_iter().eq(texts.slice(at, 100).iter()));
            // Kept, so that no other dictionary can lie in its place.
            dictionaries.push(read.values().clone());
        }
        dictionaries.dedup_by_key(|values| values.value_data().as_ptr());
        assert_eq!(dictionaries.len(), 3, "the rows of a row group share one");
        assert_eq!(read(file.path(), None).unwrap().column(0).as_string::<i32>(), &texts);
        let narrower = schema(&[("t", DataType::Int64)]);
        assert_eq!(read(file.path(), Some(&narrower)).unwrap_err().code(), Code::TypeMismatch);
    }
}

#[test]
fn no_columns_still_count_the_rows() {
    let file = file_of(&thousand(), 300);
    let mut reader = ParquetReader::open(file.path(), Some(&Schema::empty()), 400).unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        rows.push(batch.num_rows());
    }
    assert_eq!(rows.iter().sum::<usize>(), 1000);
}

#[test]
fn wrong_declarations_say_what_to_do() {
    let file = file_of(&thousand(), 100);
    let fails = |name: &str, data_type| read(file.path(), Some(&schema(&[(name, data_type)]))).unwrap_err();
    let error = fails("nmae", DataType::Utf8);
    assert_eq!(error.code(), Code::UnknownColumn);
    assert!(error.to_string().contains("Did you mean 'name'?"), "{error}");
    assert!(fails("temperature", DataType::Utf8).to_string().contains("'id', 'name'"));
    let error = fails("id", DataType::Int32);
    assert_eq!(error.code(), Code::TypeMismatch);
    assert!(error.to_string().contains("'id'") && error.to_string().contains("Int64"), "{error}");
    let error = ParquetReader::open(file.path(), None, 0).err().unwrap();
    assert_eq!(error.code(), Code::OptionInvalid);
}

#[test]
fn a_null_where_none_is_declared_names_its_row() {
    let file = file_of(&columns(vec![("a", Arc::new(Int32Array::from(vec![Some(1), None])))]), 100);
    let declared = Schema::new(vec![Field::new("a", DataType::Int32, false)]);
    let error = read(file.path(), Some(&declared)).unwrap_err();
    assert_eq!(error.code(), Code::TypeMismatch);
    assert!(error.message().contains("row 1"), "{error}");
}

#[test]
fn a_time_out_of_range_names_the_column() {
    let far = TimestampSecondArray::from(vec![i64::MAX / 1000]);
    let file = file_of(&columns(vec![("far", Arc::new(far))]), 100);
    let error = read(file.path(), None).unwrap_err();
    // Parquet has no seconds; whoever fails to fit them in, the writer's value is not carried silently wrong.
    assert_eq!(error.code(), Code::Overflow);
    assert!(error.message().contains("'far'"), "{error}");
}

#[test]
fn files_that_are_not_there_or_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let error = parquet_schema(&folder.path().join("none.parquet")).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    assert!(error.message().contains("none.parquet"), "{error}");
    assert_eq!(parquet_schema(folder.path()).unwrap_err().code(), Code::Io);
    for content in
        [&b""[..], b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", b"a text file, not Parquet", b"PAR1\xff\xff\xff\xffPAR1"]
    {
        let path = folder.path().join("wrong.parquet");
        std::fs::write(&path, content).unwrap();
        let error = parquet_schema(&path).unwrap_err();
        assert_eq!(error.code(), Code::DataCorrupt, "{content:?}");
        assert!(error.message().contains("wrong.parquet"), "{error}");
    }
}

#[test]
fn an_empty_file_has_columns_and_no_rows() {
    let file = file_of(&thousand().slice(0, 0), 100);
    let mut reader = ParquetReader::open(file.path(), None, 10).unwrap();
    assert_eq!((reader.rows(), reader.schema().fields().len()), (0, 2));
    assert!(reader.next_batch().unwrap().is_none());
}

#[test]
fn skipping_continues_where_reading_would_be() {
    let written = thousand();
    let file = file_of(&written, 300);
    for batch_rows in [1, 7, 8192] {
        for skip in [0, 1, 299, 300, 301, 650, 999, 1000] {
            let mut reader = ParquetReader::open(file.path(), None, batch_rows).unwrap();
            reader.skip_rows(skip).unwrap();
            assert_eq!(read_all(&mut reader).unwrap(), written.slice(skip as usize, 1000 - skip as usize));
        }
    }
    let mut reader = ParquetReader::open(file.path(), None, 7).unwrap();
    assert_eq!(reader.next_batch().unwrap().unwrap(), written.slice(0, 7));
    reader.skip_rows(500).unwrap();
    assert_eq!(reader.next_batch().unwrap().unwrap(), written.slice(507, 7));
    assert_eq!(reader.position(), 514);
    assert_eq!(reader.skip_rows(487).unwrap_err().code(), Code::SourceChanged);
}

#[test]
fn the_fingerprint_follows_the_content() {
    let fingerprint = |batch: &RecordBatch| {
        ParquetReader::open(file_of(batch, 300).path(), None, 1).unwrap().fingerprint().to_owned()
    };
    assert_eq!(fingerprint(&thousand()), fingerprint(&thousand()));
    assert_ne!(fingerprint(&thousand()), fingerprint(&thousand().slice(1, 999)));
    let other = columns(vec![
        ("id", Arc::new(Int64Array::from_iter_values(1..1001))),
        ("name", Arc::clone(thousand().column(1))),
    ]);
    assert_ne!(fingerprint(&thousand()), fingerprint(&other));
}

#[test]
fn truncated_files_are_refused() {
    let file = file_of(&thousand().slice(0, 50), 20);
    let whole = std::fs::read(file.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.parquet");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = read(&path, None).unwrap_err();
        assert_eq!(error.code(), Code::DataCorrupt, "cut to {length} bytes: {error}");
        assert!(error.message().contains("cut.parquet"), "{error}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_refused() {
    let file = file_of(&thousand(), 100);
    let mut reader = ParquetReader::open(file.path(), None, 10).unwrap();
    reader.next_batch().unwrap();
    file.as_file().set_len(600).unwrap();
    let error = read_all(&mut reader).unwrap_err();
    assert_eq!(error.code(), Code::DataCorrupt);
}

/// Every byte in turn is replaced by three others: whatever comes of it is rows or a typed error, and no panic.
#[test]
fn damaged_files_are_errors_or_rows() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None, Some("yy"), Some("x")].into_iter().collect();
    let lists = (0..20).map(|_| testing::batch().new_tree(&mut runner).unwrap().current());
    let nested = lists.filter(|batch| batch.num_rows() > 2).max_by_key(|batch| format!("{:?}", batch.schema()).len());
    let flat = columns(vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(1 << 40), Some(-3)]))),
        ("s", Arc::new(dictionary)),
        ("t", Arc::new(TimestampSecondArray::from(vec![1, 2, 3, 4]))),
    ]);
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    let declared = schema(&[("s", testing::dictionary_type())]);
    for (batch, declared) in [(flat, Some(&declared)), (nested.unwrap(), None)] {
        let file = file_of(&batch, 3);
        let mut damage = file.reopen().unwrap();
        let mut overwrite = |at: usize, byte: u8| {
            damage.seek(SeekFrom::Start(at as u64)).unwrap();
            damage.write_all(&[byte]).unwrap();
        };
        for (at, byte) in std::fs::read(file.path()).unwrap().into_iter().enumerate() {
            for flip in [0x01, 0x80, 0xFF] {
                overwrite(at, byte ^ flip);
                for declared in [None, declared] {
                    let outcome = match read(file.path(), declared) {
                        Ok(_) => "rows",
                        Err(error) => error.code().as_str(),
                    };
                    *outcomes.entry(outcome).or_default() += 1;
                }
            }
            overwrite(at, byte);
        }
    }
    let unexpected: Vec<_> = outcomes
        .keys()
        .filter(|code| {
            !["rows", "HR_DATA_CORRUPT", "HR_TYPE_MISMATCH", "HR_OVERFLOW", "HR_CAST_FAILED", "HR_UNKNOWN_COLUMN"]
                .contains(code)
        })
        .collect();
    assert!(unexpected.is_empty(), "{outcomes:?}");
    assert!(outcomes["HR_DATA_CORRUPT"] > 100, "{outcomes:?}");
}

#[test]
fn a_file_of_another_writer_is_read_in_full() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/vega-datasets/data/flights-3m.parquet");
    if !path.exists() {
        eprintln!("SKIPPED: {} is not installed; run npm ci", path.display());
        return;
    }
    let declared = schema(&[("delay", DataType::Int64), ("origin", DataType::Utf8)]);
    let mut reader = ParquetReader::open(&path, Some(&declared), 8192).unwrap();
    let mut origins = std::collections::BTreeSet::new();
    let mut rows = 0;
    while let Some(batch) = reader.next_batch().unwrap() {
        rows += batch.num_rows();
        origins.extend(batch.column(1).as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    assert_eq!((rows, origins.len()), (3_000_000, 229));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn batches_survive_the_file(batch in testing::batch(), batch_rows in 1..20usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch.parquet");
        let mut file = ParquetFile::create(&path, batch.schema()).unwrap();
        file.write(&batch).unwrap();
        file.finish().unwrap();
        let mut reader = ParquetReader::open(&path, Some(&batch.schema()), batch_rows).unwrap();
        // Batch by batch: joining them again is no business of the reader's.
        let mut at = 0;
        while let Some(read) = reader.next_batch().unwrap() {
            prop_assert!((1..=batch_rows).contains(&read.num_rows()));
            prop_assert_eq!(&read, &batch.slice(at, read.num_rows()));
            at += read.num_rows();
        }
        prop_assert_eq!(at, batch.num_rows());
        prop_assert!(reader.next_batch().unwrap().is_none());
        // Dictionaries are text to whoever declares nothing.
        let fields: Vec<_> = batch.schema().fields().iter().map(|field| carried_field(field).unwrap()).collect();
        prop_assert_eq!(&parquet_schema(&path).unwrap(), &Arc::new(Schema::new(fields)));
        prop_assert_eq!(read_all(&mut ParquetReader::open(&path, None, batch_rows).unwrap()).unwrap().num_rows(), at);
    }
}
