use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema};
use headrace_core::Code;
use proptest::prelude::*;

use super::*;
use crate::testing;

fn written(batch: &RecordBatch) -> (Vec<f64>, Vec<u8>) {
    let mut arena = vec![0xAA; arena_bytes(batch)];
    let layout = write_arena(batch, &mut arena).unwrap();
    (layout, arena)
}

fn one_column(name: &str, nullable: bool, array: ArrayRef) -> RecordBatch {
    let schema = Schema::new(vec![Field::new(name, array.data_type().clone(), nullable)]);
    RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap()
}

fn read(batch: &RecordBatch, layout: &[f64], arena: &[u8]) -> headrace_core::Result<RecordBatch> {
    read_arena(&batch.schema(), layout, &gather(&[arena]))
}

fn code_of(batch: &RecordBatch, layout: &[f64], arena: &[u8]) -> Code {
    read(batch, layout, arena).unwrap_err().code()
}

#[test]
fn gathered_buffers_lie_behind_each_other() {
    let arena = gather(&[&[1; 3], &[], &[2; 64], &[3]]);
    assert_eq!(arena.as_ptr().align_offset(ALIGNMENT), 0);
    assert_eq!((arena.len(), arena[2], arena[64], arena[127], arena[128]), (192, 1, 2, 2, 3));
    assert_eq!((gather(&[]).len(), arena[3], arena[129]), (0, 0, 0), "what lies between is zero");
}

#[test]
fn the_layout_is_the_documented_one() {
    let numbers = Int64Array::from(vec![Some(7), None, Some(-1)]);
    let texts = StringArray::from(vec!["a", "", "bcd"]);
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, false)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(texts)]).unwrap();
    let (layout, arena) = written(&batch);
    #[rustfmt::skip]
    assert_eq!(layout, [
        3.0, 1.0, 2.0,  0.0, 1.0,  64.0, 24.0,
        3.0, 0.0, 3.0,  0.0, 0.0,  128.0, 16.0,  192.0, 4.0,
    ]);
    assert_eq!(arena.len(), 196);
    assert_eq!(arena[0] & 0b111, 0b101);
    assert_eq!(arena[64..72], 7i64.to_le_bytes());
    assert_eq!(arena[80..88], (-1i64).to_le_bytes());
    assert_eq!(arena[128..144], [0, 1, 1, 4].map(i32::to_le_bytes).concat()[..]);
    assert_eq!(&arena[192..], b"abcd");
}

#[test]
fn slices_start_at_zero() {
    let bools: BooleanArray = (0..100).map(|n| Some(n % 3 == 0)).collect();
    let texts: StringArray = (0..100).map(|n| if n % 7 == 0 { None } else { Some(format!("{n}")) }).collect();
    let item = Arc::new(Field::new_list_field(DataType::Int32, true));
    let items = Arc::new(Int32Array::from_iter_values(0..200));
    let lists = ListArray::new(Arc::clone(&item), OffsetBuffer::from_lengths([2; 100]), items, None);
    let schema = Schema::new(vec![
        Field::new("b", DataType::Boolean, true),
        Field::new("t", DataType::Utf8, true),
        Field::new("l", DataType::List(item), true),
    ]);
    let whole =
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(bools), Arc::new(texts), Arc::new(lists)]).unwrap();
    let (layout, arena) = written(&whole.slice(13, 70));
    // Layout positions: bool 0..7, text 7..16, list 16..23, items 23..30.
    let buffer = |at: usize| &arena[layout[at] as usize..][..layout[at + 1] as usize];
    let values = buffer(5);
    for row in 0..70 {
        assert_eq!(values[row / 8] >> (row % 8) & 1 == 1, (row + 13) % 3 == 0, "row {row}");
    }
    let (validity, offsets, text) = (buffer(10), buffer(12), buffer(14));
    let offset = |at: usize| i32::from_le_bytes(offsets[4 * at..][..4].try_into().unwrap()) as usize;
    assert_eq!(offset(0), 0);
    for row in 0..70 {
        let valid = validity[row / 8] >> (row % 8) & 1 == 1;
        let expected = if valid { format!("{}", row + 13) } else { String::new() };
        assert_eq!(valid, (row + 13) % 7 != 0, "row {row}");
        assert_eq!(&text[offset(row)..offset(row + 1)], expected.as_bytes(), "row {row}");
    }
    assert_eq!((layout[23], &buffer(28)[..4]), (140.0, &26i32.to_le_bytes()[..]));
}

#[test]
fn nested_members_follow_in_pre_order() {
    let members: Fields =
        vec![Field::new("x", DataType::Int32, false), Field::new("y", DataType::Boolean, true)].into();
    let x = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let y = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
    let nulls = NullBuffer::from(vec![true, true, false]);
    let record = StructArray::new(members, vec![x, y], Some(nulls));
    let batch = one_column("s", true, Arc::new(record));
    let (layout, _) = written(&batch);
    #[rustfmt::skip]
    assert_eq!(layout, [
        3.0, 1.0, 1.0,  0.0, 1.0,
        3.0, 0.0, 2.0,  0.0, 0.0,  64.0, 12.0,
        3.0, 1.0, 2.0,  128.0, 1.0,  192.0, 1.0,
    ]);
}

#[test]
fn what_is_not_carried_is_refused() {
    let batch = one_column("u", false, Arc::new(UInt64Array::from(vec![1])));
    assert_eq!(write_arena(&batch, &mut [0; 256]).unwrap_err().code(), Code::TypeMismatch);
    assert_eq!(code_of(&batch, &[1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0], &[0; 8]), Code::TypeMismatch);
}

#[test]
fn a_small_arena_is_an_error() {
    let batch = one_column("n", false, Arc::new(Int64Array::from(vec![1, 2])));
    assert_eq!(write_arena(&batch, &mut [0; 15]).unwrap_err().code(), Code::Internal);
}

#[test]
fn wrong_layouts_are_refused() {
    let batch = one_column("n", false, Arc::new(Int32Array::from(vec![1, 2])));
    let (good, arena) = written(&batch);
    assert_eq!(read(&batch, &good, &arena).unwrap(), batch);
    let wrong: &[(&str, &[f64])] = &[
        ("too short", &[2.0, 0.0, 2.0, 0.0, 0.0, 0.0]),
        ("too long", &[2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0, 1.0]),
        ("negative length", &[-2.0, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("fraction", &[1.5, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("not a number", &[f64::NAN, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("infinite", &[f64::INFINITY, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("more rows than bytes", &[3.0, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("rows that overflow", &[9e15, 0.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("another number of buffers", &[2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 8.0]),
        ("outside the arena", &[2.0, 0.0, 2.0, 0.0, 0.0, 60.0, 8.0]),
        ("not aligned", &[2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 8.0]),
        ("offset that overflows", &[2.0, 0.0, 2.0, 0.0, 0.0, 9e15, 8.0]),
        ("nulls without a bitmap", &[2.0, 1.0, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("null count that is no number", &[2.0, f64::NAN, 2.0, 0.0, 0.0, 0.0, 8.0]),
        ("nulls where none may be", &[2.0, 2.0, 2.0, 4.0, 1.0, 0.0, 8.0]),
    ];
    for (what, layout) in wrong {
        assert_eq!(code_of(&batch, layout, &arena), Code::DataCorrupt, "{what}");
    }
}

#[test]
fn wrong_text_is_refused() {
    let batch = one_column("t", false, Arc::new(StringArray::from(vec!["é", "x"])));
    let (layout, arena) = written(&batch);
    // The offsets lie at 0..12 and the three bytes of text at 64.
    let mutations: &[(&str, usize, u8)] = &[
        ("offset inside a character", 4, 1),
        ("falling offsets", 0, 3),
        ("offset behind the text", 8, 4),
        ("negative offset", 3, 0xFF),
        ("not UTF-8", 64, 0xFF),
    ];
    for (what, at, byte) in mutations {
        let mut arena = arena.clone();
        arena[*at] = *byte;
        assert_eq!(code_of(&batch, &layout, &arena), Code::DataCorrupt, "{what}");
    }
}

/// Places 1, null, 0 of the dictionary ["x", "y"].
fn dictionary() -> RecordBatch {
    let places = Int32Array::from(vec![Some(1), None, Some(0)]);
    one_column("d", true, Arc::new(DictionaryArray::new(places, Arc::new(StringArray::from(vec!["x", "y"])))))
}

#[test]
fn a_slice_carries_its_whole_dictionary() {
    let (layout, arena) = written(&dictionary().slice(1, 2));
    #[rustfmt::skip]
    assert_eq!(layout, [
        2.0, 1.0, 2.0,  0.0, 1.0,  64.0, 8.0,
        2.0, 0.0, 3.0,  0.0, 0.0,  128.0, 12.0,  192.0, 2.0,
    ]);
    assert_eq!((arena[0] & 0b11, &arena[68..72], &arena[192..]), (0b10, &[0; 4][..], &b"xy"[..]));
}

#[test]
fn wrong_dictionaries_are_refused() {
    let batch = dictionary();
    let (layout, arena) = written(&batch);
    // The places lie at 64..76, the offsets of the values at 128..140.
    let mutations: &[(&str, usize, u8)] = &[
        ("place behind the dictionary", 64, 2),
        ("negative place", 67, 0xFF),
        ("place of the last row", 72, 0x7F),
        ("falling offsets of values", 132, 3),
        ("values that are not UTF-8", 192, 0xFF),
    ];
    for (what, at, byte) in mutations {
        let mut arena = arena.clone();
        arena[*at] = *byte;
        assert_eq!(code_of(&batch, &layout, &arena), Code::DataCorrupt, "{what}");
    }
    let mut arena_of_null = arena.clone();
    arena_of_null[68] = 0x7F;
    assert_eq!(read(&batch, &layout, &arena_of_null).unwrap(), batch, "what stands at a null does not matter");
    let with_null = StringArray::from(vec![Some("x"), None]);
    let null = DictionaryArray::new(Int32Array::from(vec![1, 0]), Arc::new(with_null));
    let (layout, arena) = written(&one_column("d", true, Arc::new(null)));
    assert_eq!(code_of(&batch, &layout, &arena), Code::DataCorrupt, "a null in the dictionary");
}

#[test]
fn an_unknown_null_count_is_counted() {
    let batch = one_column("n", true, Arc::new(Int32Array::from(vec![Some(1), None])));
    let (mut layout, arena) = written(&batch);
    layout[1] = -1.0;
    let read = read(&batch, &layout, &arena).unwrap();
    assert_eq!((read.column(0).null_count(), read), (1, batch));
}

proptest! {
    #[test]
    fn batches_survive_the_arena(batch in testing::batch()) {
        let (layout, arena) = written(&batch);
        prop_assert!(layout.iter().all(|number| number.fract() == 0.0 && *number >= 0.0));
        let read = read(&batch, &layout, &arena).unwrap();
        prop_assert_eq!(&read, &batch);
        // Slices are normalised, so what was read and what was sliced have the same arena.
        prop_assert_eq!(written(&read).0, layout);
    }

    #[test]
    fn mutated_layouts_are_errors_or_batches(
        batch in testing::batch(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), odd_number()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (mut layout, arena) = written(&batch);
        for (at, number) in changes {
            let at = at.index(layout.len());
            layout[at] = number;
        }
        if let Some(cut) = cut {
            layout.truncate(cut.index(layout.len()));
        }
        check_untrusted(&batch, &layout, &arena)?;
    }

    #[test]
    fn mutated_arenas_are_errors_or_batches(
        batch in testing::batch(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (layout, mut arena) = written(&batch);
        if !arena.is_empty() {
            for (at, byte) in changes {
                let at = at.index(arena.len());
                arena[at] = byte;
            }
            if let Some(cut) = cut {
                arena.truncate(cut.index(arena.len()));
            }
        }
        check_untrusted(&batch, &layout, &arena)?;
    }
}

fn odd_number() -> impl Strategy<Value = f64> {
    let small = (0..600u32).prop_map(f64::from);
    prop_oneof![4 => small, 1 => any::<f64>(), 1 => Just(9_007_199_254_740_992.0), 1 => Just(f64::NAN), 1 => Just(-1.0)]
}

fn check_untrusted(batch: &RecordBatch, layout: &[f64], arena: &[u8]) -> Result<(), TestCaseError> {
    match read(batch, layout, arena) {
        // Arrow's own full validation agrees with what was accepted.
        Ok(read) => read.columns().iter().try_for_each(|column| {
            column.to_data().validate_full().map_err(|error| TestCaseError::fail(error.to_string()))
        }),
        Err(error) if error.code() == Code::DataCorrupt => Ok(()),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}
