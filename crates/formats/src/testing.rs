//! Random batches over every carried type, for the property tests.

use std::sync::Arc;

use arrow_array::types::{DurationMicrosecondType, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array,
    Int64Array, ListArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any carried type, nested at most `depth` deep.
fn data_type(depth: u32) -> BoxedStrategy<DataType> {
    let leaf = prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Int32),
        Just(DataType::Int64),
        Just(DataType::Float32),
        Just(DataType::Float64),
        Just(DataType::Utf8),
        Just(dictionary_type()),
        Just(DataType::Binary),
        Just(DataType::Date32),
        Just(DataType::Timestamp(TimeUnit::Microsecond, None)),
        Just(DataType::Duration(TimeUnit::Microsecond)),
    ];
    leaf.prop_recursive(depth, 8, 3, |inner| {
        let list = inner.clone().prop_map(|item| DataType::List(Arc::new(Field::new_list_field(item, true))));
        let members = vec((inner, any::<bool>()), 1..3);
        let record = members.prop_map(|members| DataType::Struct(fields(members).into()));
        prop_oneof![list, record]
    })
    .boxed()
}

/// Text, each value once.
pub(crate) fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn fields(columns: Vec<(DataType, bool)>) -> Vec<Field> {
    let named = columns.into_iter().enumerate();
    named.map(|(at, (data_type, nullable))| Field::new(format!("c{at}"), data_type, nullable)).collect()
}

/// A batch of up to four columns and 40 rows, and then often a slice of it.
pub(crate) fn batch() -> impl Strategy<Value = RecordBatch> {
    let columns = vec((data_type(3), any::<bool>()), 1..5);
    let rows = prop_oneof![Just(0), Just(1), 2..40usize];
    (columns, rows).prop_flat_map(|(columns, rows)| {
        let schema = Arc::new(Schema::new(fields(columns)));
        let arrays: Vec<_> = schema.fields().iter().map(|field| array(field, rows)).collect();
        (arrays, any::<bool>(), 0..=rows, 0..=rows).prop_map(move |(arrays, sliced, a, b)| {
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).unwrap();
            if sliced { batch.slice(a.min(b), a.abs_diff(b)) } else { batch }
        })
    })
}

fn array(field: &Field, length: usize) -> BoxedStrategy<ArrayRef> {
    let nullable = field.is_nullable();
    macro_rules! flat {
        ($value:expr, $array:ty) => {
            vec(maybe(nullable, $value), length)
                .prop_map(|values| Arc::new(values.into_iter().collect::<$array>()) as ArrayRef)
                .boxed()
        };
    }
    match field.data_type() {
        DataType::Boolean => flat!(any::<bool>(), BooleanArray),
        DataType::Int32 => flat!(any::<i32>(), Int32Array),
        DataType::Int64 => flat!(any::<i64>(), Int64Array),
        DataType::Float32 => flat!(any::<f32>(), Float32Array),
        DataType::Float64 => flat!(any::<f64>(), Float64Array),
        DataType::Date32 => flat!(any::<i32>(), Date32Array),
        DataType::Timestamp(_, _) => flat!(any::<i64>(), PrimitiveArray<TimestampMicrosecondType>),
        DataType::Duration(_) => flat!(any::<i64>(), PrimitiveArray<DurationMicrosecondType>),
        DataType::Utf8 => flat!("[a-zé𝄞]{0,6}", StringArray),
        DataType::Dictionary(_, _) => {
            // Values may be equal, and some belong to no row.
            let values = vec("[a-zé𝄞]{0,2}", 1..6);
            (values, vec(maybe(nullable, any::<prop::sample::Index>()), length))
                .prop_map(|(values, places)| {
                    let places = places.iter().map(|place| place.map(|place| place.index(values.len()) as i32));
                    let values = Arc::new(StringArray::from_iter_values(&values));
                    Arc::new(DictionaryArray::new(places.collect::<Int32Array>(), values)) as ArrayRef
                })
                .boxed()
        }
        DataType::Binary => flat!(vec(any::<u8>(), 0..6), BinaryArray),
        DataType::List(item) => {
            let item = Arc::clone(item);
            vec(maybe(nullable, 0..4usize), length)
                .prop_flat_map(move |lengths| {
                    let items = array(&item, lengths.iter().flatten().sum());
                    let item = Arc::clone(&item);
                    items.prop_map(move |items| {
                        let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
                        let nulls: NullBuffer = lengths.iter().map(Option::is_some).collect();
                        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
                        Arc::new(ListArray::new(Arc::clone(&item), offsets, items, nulls)) as ArrayRef
                    })
                })
                .boxed()
        }
        DataType::Struct(members) => {
            let members = members.clone();
            let columns: Vec<_> = members.iter().map(|member| array(member, length)).collect();
            (columns, vec(maybe(nullable, Just(())), length))
                .prop_map(move |(columns, valid)| {
                    let nulls: NullBuffer = valid.iter().map(Option::is_some).collect();
                    Arc::new(StructArray::new(members.clone(), columns, Some(nulls))) as ArrayRef
                })
                .boxed()
        }
        other => unreachable!("{other} is not carried"),
    }
}

/// Null three times in ten, if it may be.
fn maybe<T: std::fmt::Debug>(nullable: bool, value: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    (0..10, value).prop_map(move |(dice, value)| Some(value).filter(|_| !nullable || dice < 7))
}
