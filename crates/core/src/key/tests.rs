use super::*;

#[test]
fn golden_hashes_never_change() {
    let text: ArrayRef = Arc::new(StringArray::from(vec![Some("ORD"), Some(""), None]));
    let number: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(-1), None]));
    let keys = Keys::encode(&[text, number], 3).unwrap();
    assert_eq!(keys.get(0), [&[4, 3, 0, 0, 0][..], b"ORD", &[2, 1, 0, 0, 0, 0, 0, 0, 0]].concat());
    assert_eq!(keys.get(2), [0, 0]);
    assert_eq!(keys.hashes(), GOLDEN);
    assert_eq!(hash(b""), 0x2d06_8005_38d3_94c2);
}

// Checked once against the reference xxHash library.
const GOLDEN: [u64; 3] = [8902269648022448362, 8961546367182606858, 3685390413631870213];

#[test]
fn one_zero_and_one_nan() {
    let quiet = f64::from_bits(0x7ff8_0000_0000_0001);
    let column: ArrayRef = Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, quiet, -f64::NAN]));
    let hashes = Keys::encode(&[column], 5).unwrap().hashes();
    assert_eq!(hashes[0], hashes[1]);
    assert!(hashes[2] == hashes[3] && hashes[3] == hashes[4]);
    assert_ne!(hashes[0], hashes[2]);
}

#[test]
fn decode_is_the_inverse_of_encode() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("a"), None, Some("ü")])),
        Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(7), None])),
        Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        Arc::new(Float32Array::from(vec![Some(1.5), None, Some(f32::INFINITY)])),
        Arc::new(BinaryArray::from(vec![Some(&b"\0"[..]), None, Some(b"")])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(0)]).with_timezone("UTC")),
    ];
    let types: Vec<_> = columns.iter().map(|column| column.data_type().clone()).collect();
    let keys = Keys::encode(&columns, 3).unwrap();
    let back = decode((0..3).map(|row| keys.get(row)), &types).unwrap();
    assert_eq!(columns, back);
}

#[test]
fn damaged_keys_are_refused() {
    for bytes in [&[][..], &[9], &[4, 255, 255, 255, 255], &[2, 1, 2], &[0, 0], &[4, 1, 0, 0, 0, 0xff]] {
        let error = decode(std::iter::once(bytes), &[DataType::Utf8]).unwrap_err();
        assert_eq!(error.code(), Code::DataCorrupt, "{bytes:?}");
    }
}

#[test]
fn numbers_beyond_their_column_are_refused() {
    let keys = |value: i64| Keys::encode(&[Arc::new(Int64Array::from(vec![value])) as ArrayRef], 1).unwrap();
    for value in [i64::from(i32::MAX), i64::from(i32::MIN), 1 << 31, -(1 << 31) - 1, i64::MAX] {
        let decoded = decode(keys(value).iter(), &[DataType::Int32]);
        assert_eq!(decoded.is_ok(), i32::try_from(value).is_ok(), "{value}");
    }
}

#[test]
fn owners_cover_every_subtask_in_order() {
    for parallelism in 1..=KEY_GROUPS {
        let owners: Vec<_> = (0..KEY_GROUPS).map(|group| owner(group, parallelism)).collect();
        assert!(owners.is_sorted());
        assert_eq!((owners[0], owners[127]), (0, parallelism - 1));
    }
}
