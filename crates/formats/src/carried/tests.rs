use arrow_array::builder::{ListBuilder, StringDictionaryBuilder, UInt8Builder};
use arrow_array::types::{Float16Type, Int32Type, UInt8Type};
use arrow_array::{
    BinaryArray, Date64Array, DictionaryArray, DurationMicrosecondArray, DurationNanosecondArray, FixedSizeBinaryArray,
    Float16Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeListArray,
    LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};

use super::*;
use crate::testing;

fn widened(array: impl Array + 'static) -> Result<ArrayRef> {
    let array: ArrayRef = Arc::new(array);
    let to = carried_type(array.data_type()).unwrap();
    let widened = widen(&array, &to)?;
    assert_eq!(widened.data_type(), &to);
    Ok(widened)
}

fn assert_widens(from: impl Array + 'static, to: impl Array + 'static) {
    assert_eq!(&*widened(from).unwrap(), &to as &dyn Array);
}

#[test]
fn integers_and_floats() {
    assert_widens(Int8Array::from(vec![Some(-128), None]), Int32Array::from(vec![Some(-128), None]));
    assert_widens(Int16Array::from(vec![-32768]), Int32Array::from(vec![-32768]));
    assert_widens(UInt8Array::from(vec![255]), Int32Array::from(vec![255]));
    assert_widens(UInt16Array::from(vec![65535]), Int32Array::from(vec![65535]));
    assert_widens(UInt32Array::from(vec![u32::MAX]), Int64Array::from(vec![4_294_967_295]));
    let half = <Float16Type as ArrowPrimitiveType>::Native::from_f32(1.5);
    assert_widens(Float16Array::from(vec![half]), Float32Array::from(vec![1.5]));
}

#[test]
fn times_of_any_unit_and_zone() {
    let micros = || TimestampMicrosecondArray::from(vec![Some(-1_000_000), None]);
    assert_widens(TimestampSecondArray::from(vec![Some(-1), None]), micros());
    assert_widens(TimestampMillisecondArray::from(vec![Some(-1000), None]), micros());
    assert_widens(micros().with_timezone("Europe/Berlin"), micros());
    // One nanosecond before the epoch lies in the microsecond before it, and a zone does not move an instant.
    let nanos = TimestampNanosecondArray::from(vec![Some(-999_999_001), None]).with_timezone("+05:00");
    assert_widens(nanos, micros());
    assert_widens(DurationNanosecondArray::from(vec![1999]), DurationMicrosecondArray::from(vec![1]));
    assert_widens(Date64Array::from(vec![-1, 86_400_000]), Date32Array::from(vec![-1, 1]));
}

#[test]
fn times_out_of_range_are_errors_unless_null() {
    let seconds = TimestampSecondArray::new(vec![i64::MAX, 1].into(), Some(NullBuffer::from(vec![false, true])));
    assert_widens(seconds, TimestampMicrosecondArray::from(vec![None, Some(1_000_000)]));
    assert_eq!(widened(TimestampSecondArray::from(vec![i64::MAX])).unwrap_err().code(), Code::Overflow);
    assert_eq!(widened(TimestampMillisecondArray::from(vec![i64::MIN])).unwrap_err().code(), Code::Overflow);
    assert_eq!(widened(Date64Array::from(vec![i64::MAX])).unwrap_err().code(), Code::Overflow);
}

#[test]
fn layouts_of_text_and_bytes() {
    let text = || StringArray::from(vec![Some("a"), None, Some("long enough for a view")]);
    assert_widens(LargeStringArray::from_iter(text().iter()), text());
    assert_widens(StringViewArray::from_iter(text().iter()), text());
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.extend(text().iter());
    assert_widens(dictionary.finish(), text());
    let fixed = FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].into_iter()).unwrap();
    assert_widens(fixed, BinaryArray::from(vec![&[1u8, 2][..], &[3, 4]]));
}

#[test]
fn text_becomes_a_dictionary_where_one_is_wanted() {
    let texts = [Some("b"), None, Some("a"), Some("b")];
    let wanted: DictionaryArray<Int32Type> = texts.into_iter().collect();
    let narrow: DictionaryArray<UInt8Type> = texts.into_iter().collect();
    let views = StringViewArray::from(texts.to_vec());
    let plain = StringArray::from(texts.to_vec());
    for from in [Arc::new(narrow) as ArrayRef, Arc::new(views), Arc::new(plain)] {
        assert_eq!(&*widen(&from, &testing::dictionary_type()).unwrap(), &wanted as &dyn Array, "{from:?}");
    }
}

#[test]
fn members_of_lists_and_structs() {
    let mut lists = ListBuilder::new(UInt8Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_null();
    let lists = lists.finish();
    let large = LargeListArray::new(
        Arc::new(Field::new("element", DataType::UInt8, true)),
        OffsetBuffer::from_lengths([2, 0]),
        Arc::clone(lists.values()),
        lists.nulls().cloned(),
    );
    let expected = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    assert_widens(lists.clone(), expected.clone());
    assert_widens(large, expected.clone());
    let record = StructArray::from(vec![(
        Arc::new(Field::new("l", lists.data_type().clone(), true)),
        Arc::new(lists) as ArrayRef,
    )]);
    let wanted = StructArray::from(vec![(
        Arc::new(Field::new("l", expected.data_type().clone(), true)),
        Arc::new(expected) as ArrayRef,
    )]);
    assert_widens(record, wanted);
}

#[test]
fn what_is_not_carried() {
    let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
    for data_type in
        [DataType::UInt64, DataType::Decimal128(10, 2), DataType::Time64(TimeUnit::Microsecond), list(DataType::UInt64)]
    {
        assert_eq!(carried_type(&data_type), None, "{data_type}");
    }
}

#[test]
fn declared_types_may_be_wider_but_never_narrower() {
    let record = |name, member| DataType::Struct(vec![Field::new(name, member, true)].into());
    assert!(widens(&DataType::Int32, &DataType::Int64));
    assert!(widens(&DataType::Int32, &DataType::Float64));
    assert!(widens(&record("a", DataType::Float32), &record("a", DataType::Float64)));
    assert!(!widens(&record("a", DataType::Float32), &record("b", DataType::Float64)));
    assert!(!widens(&DataType::Int64, &DataType::Int32));
    assert!(!widens(&DataType::Int64, &DataType::Float64));
    assert!(!widens(&DataType::Utf8, &DataType::Binary));
    assert!(widens(&DataType::Utf8, &testing::dictionary_type()));
    assert!(!widens(&DataType::Int32, &testing::dictionary_type()));
    assert!(!widens(&testing::dictionary_type(), &DataType::Utf8), "it is widened to text where none is declared");
    let int = Arc::new(Int32Array::from(vec![i32::MAX])) as ArrayRef;
    assert_eq!(&*widen(&int, &DataType::Float64).unwrap(), &Float64Array::from(vec![2_147_483_647.0]) as &dyn Array);
}
