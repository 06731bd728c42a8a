//! Casts, with DuckDB's answers where they are not said to differ.

use std::fmt::Debug;

use headrace_core::Code;
use headrace_plan::DataType;

use crate::build::{both, cast, error, lit, null, one, try_cast, utf8};
use crate::value::Val::{self, Bool, Day, F32, F64, I32, I64, Null, Span, Text, Time};

/// Checks casts of one type to another; `None` says that the cast fails.
fn check<T: Clone + Debug>(from: DataType, to: DataType, of: fn(T) -> Val, cases: &[(T, Option<Val>)]) {
    for (given, wanted) in cases {
        let value = of(given.clone());
        let safe = both(from.clone(), value.clone(), |arg| try_cast(arg, to.clone())).expect("a value or null");
        let wanted_or_null = wanted.clone().unwrap_or(Null);
        assert!(safe.same(&wanted_or_null), "tryCast({given:?}, {to:?}) is {safe:?}, not {wanted_or_null:?}");
        match (both(from.clone(), value, |arg| cast(arg, to.clone())), wanted) {
            (Ok(value), Some(wanted)) => assert!(value.same(wanted), "cast({given:?}, {to:?}) is {value:?}"),
            (Err(error), None) => {
                assert_eq!(error.code(), Code::CastFailed, "cast({given:?}, {to:?}): {error}");
                assert!(error.to_string().contains("tryCast"), "{error}");
            }
            (result, wanted) => panic!("cast({given:?}, {to:?}) is {result:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn booleans_and_numbers() {
    check(DataType::Bool, DataType::I32, Bool, &[(true, Some(I32(1))), (false, Some(I32(0)))]);
    check(DataType::Bool, DataType::F64, Bool, &[(true, Some(F64(1.0)))]);
    check(DataType::I64, DataType::Bool, I64, &[(2, Some(Bool(true))), (0, Some(Bool(false)))]);
    let cases = [(0.5, Some(Bool(true))), (f64::NAN, Some(Bool(true))), (-0.0, Some(Bool(false)))];
    check(DataType::F64, DataType::Bool, F64, &cases);
}

#[test]
fn numbers_to_numbers() {
    let cases = [(i64::from(i32::MAX), Some(I32(i32::MAX))), (1 << 31, None), (i64::MIN, None)];
    check(DataType::I64, DataType::I32, I64, &cases);
    check(DataType::I64, DataType::F64, I64, &[((1 << 53) + 1, Some(F64(9_007_199_254_740_992.0)))]);
    let cases = [
        (2.5, Some(I32(2))),
        (3.5, Some(I32(4))),
        (-2.5, Some(I32(-2))),
        (2_147_483_647.4, Some(I32(i32::MAX))),
        // DuckDB 1.5 wraps this one around.
        (2_147_483_647.5, None),
        (-2_147_483_648.5, Some(I32(i32::MIN))),
        (f64::NAN, None),
        (f64::INFINITY, None),
    ];
    check(DataType::F64, DataType::I32, F64, &cases);
    let cases = [
        (0.5, Some(I64(0))),
        (-0.5, Some(I64(0))),
        (9_223_372_036_854_774_784.0, Some(I64(9_223_372_036_854_774_784))),
        (9_223_372_036_854_775_808.0, None),
        (-9_223_372_036_854_775_808.0, Some(I64(i64::MIN))),
        (-9_223_372_036_854_777_856.0, None),
    ];
    check(DataType::F64, DataType::I64, F64, &cases);
    check(DataType::F32, DataType::I64, F32, &[(1.5, Some(I64(2))), (f32::MAX, None)]);
    let cases = [
        (1e-50, Some(F32(0.0))),
        (f64::INFINITY, Some(F32(f32::INFINITY))),
        (f64::NAN, Some(F32(f32::NAN))),
        (1e300, None),
        (3.402_823_567_797_336_6e38, None),
    ];
    check(DataType::F64, DataType::F32, F64, &cases);
}

#[test]
fn floats_to_text() {
    let text = |text: &str| Some(Text(text.into()));
    let cases = [
        (1.0, text("1.0")),
        (-0.0, text("-0.0")),
        (0.1, text("0.1")),
        (1e15, text("1000000000000000.0")),
        (1e16, text("1e+16")),
        (1e20, text("1e+20")),
        (123_456_789_012_345_680.0, text("1.2345678901234568e+17")),
        (1e-4, text("0.0001")),
        (0.000_123_45, text("0.00012345")),
        (1e-5, text("1e-05")),
        (1.5e-7, text("1.5e-07")),
        (5e-324, text("5e-324")),
        (1e300, text("1e+300")),
        (f64::NAN, text("nan")),
        (f64::INFINITY, text("inf")),
        (f64::NEG_INFINITY, text("-inf")),
    ];
    check(DataType::F64, DataType::Utf8, F64, &cases);
    let cases =
        [(0.1, text("0.1")), (16_777_216.0, text("16777216.0")), (3.4e38, text("3.4e+38")), (1e16, text("1e+16"))];
    check(DataType::F32, DataType::Utf8, F32, &cases);
    check(DataType::I64, DataType::Utf8, I64, &[(i64::MIN, text("-9223372036854775808"))]);
    check(DataType::Bool, DataType::Utf8, Bool, &[(true, text("true")), (false, text("false"))]);
}

#[test]
fn text_to_booleans() {
    let (yes, no) = (Some(Bool(true)), Some(Bool(false)));
    for text in ["true", "TRUE", "t", "1", "yes", "Y"] {
        check(DataType::Utf8, DataType::Bool, Val::from, &[(text, yes.clone())]);
    }
    for text in ["false", "False", "f", "0", "no", "N"] {
        check(DataType::Utf8, DataType::Bool, Val::from, &[(text, no.clone())]);
    }
    for text in ["", "on", " true ", "tr", "1.0", "2"] {
        check(DataType::Utf8, DataType::Bool, Val::from, &[(text, None)]);
    }
}

#[test]
fn text_to_integers() {
    let cases = [
        (" 12 ", Some(12)),
        ("\t12\n", Some(12)),
        ("+5", Some(5)),
        ("-0", Some(0)),
        ("007", Some(7)),
        ("1.5", Some(2)),
        ("2.5", Some(3)),
        ("-2.5", Some(-3)),
        ("0.4999999999999999999999", Some(0)),
        ("1e3", Some(1000)),
        ("1E+3", Some(1000)),
        ("1.5e1", Some(15)),
        ("15e-1", Some(2)),
        ("25e-1", Some(3)),
        ("1e-400", Some(0)),
        ("1e-99999999999999999999", Some(0)),
        ("0e99999999999999999999", Some(0)),
        ("1.", Some(1)),
        (".5", Some(1)),
        ("1_000", Some(1000)),
        ("1e1_0", Some(10_000_000_000)),
        ("1.5_5", Some(2)),
        ("0x10", Some(16)),
        ("0X1_0", Some(16)),
        ("0b11", Some(3)),
        ("9223372036854775807.4", Some(i64::MAX)),
        ("9.223372036854775807e18", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("-9223372036854775808.4", Some(i64::MIN)),
        ("9223372036854775807.5", None),
        ("9223372036854775808", None),
        ("1e30", None),
        ("1e99999999999999999999", None),
        ("", None),
        (".", None),
        ("-", None),
        ("+-1", None),
        ("--1", None),
        ("1e", None),
        ("e5", None),
        ("1e2.5", None),
        ("1.5.5", None),
        ("1 2", None),
        ("12abc", None),
        ("1__0", None),
        ("1_", None),
        ("_1", None),
        ("1_.5", None),
        ("1._5", None),
        ("0x", None),
        ("-0x10", None),
        ("+0x10", None),
        ("0x-1", None),
        (" 0x10 ", None),
        ("0b12", None),
        ("nan", None),
        ("١", None),
    ];
    let cases = cases.map(|(text, value)| (text, value.map(I64)));
    check(DataType::Utf8, DataType::I64, Val::from, &cases);
    check(DataType::Utf8, DataType::I32, Val::from, &[("2147483647.4", Some(I32(i32::MAX))), ("2147483648", None)]);
}

#[test]
fn text_to_floats() {
    let cases = [
        (" 1.5 ", Some(1.5)),
        ("\t1\n", Some(1.0)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("+1.5", Some(1.5)),
        ("1_000.5", Some(1000.5)),
        ("1e1_0", Some(1e10)),
        ("1e400", Some(f64::INFINITY)),
        ("1e-400", Some(0.0)),
        ("NaN", Some(f64::NAN)),
        ("-nan", Some(f64::NAN)),
        ("-Infinity", Some(f64::NEG_INFINITY)),
        ("+inf", Some(f64::INFINITY)),
        ("", None),
        (".", None),
        ("e5", None),
        ("1e", None),
        ("1,5", None),
        ("1_", None),
        ("1_e5", None),
        ("0x10", None),
        ("infinit", None),
        ("12abc", None),
    ];
    let cases = cases.map(|(text, value)| (text, value.map(F64)));
    check(DataType::Utf8, DataType::F64, Val::from, &cases);
    check(DataType::Utf8, DataType::F32, Val::from, &[("0.1", Some(F32(0.1))), ("1e39", Some(F32(f32::INFINITY)))]);
}

#[test]
fn times_to_text() {
    let text = |text: &str| Some(Text(text.into()));
    let cases = [
        (981_195_072_000_000, text("2001-02-03 10:11:12")),
        (981_195_072_500_000, text("2001-02-03 10:11:12.5")),
        (1, text("1970-01-01 00:00:00.000001")),
        (-62_135_596_800_000_001, text("0001-12-31 (BC) 23:59:59.999999")),
        (-9_223_372_022_400_000_000, text("290309-12-22 (BC) 00:00:00")),
        (i64::MAX - 1, text("294247-01-10 04:00:54.775806")),
    ];
    check(DataType::Timestamp, DataType::Utf8, Time, &cases);
    let cases =
        [(11_356, text("2001-02-03")), (-719_528 - 365, text("0002-01-01 (BC)")), (-719_162, text("0001-01-01"))];
    check(DataType::Date, DataType::Utf8, Day, &cases);
    let cases = [
        (0, text("00:00:00")),
        (-1, text("-00:00:00.000001")),
        (90_000_000_000, text("25:00:00")),
        (-3_600_000_000, text("-01:00:00")),
        (i64::MAX, text("2562047788:00:54.775807")),
        (i64::MIN, text("-2562047788:00:54.775808")),
    ];
    check(DataType::Duration, DataType::Utf8, Span, &cases);
}

#[test]
fn text_to_dates() {
    let cases = [
        ("2001-02-03", Some(11_356)),
        (" 2001-2-3 ", Some(11_356)),
        ("2001/02/03", Some(11_356)),
        ("2001-02-03 23:00:00", Some(11_356)),
        ("1-1-1", Some(-719_162)),
        ("-0001-01-01", Some(-719_528 - 365)),
        ("0002-01-01 (BC)", Some(-719_528 - 365)),
        ("0000-01-01", Some(-719_528)),
        ("10000-01-01", Some(2_932_897)),
        ("5881580-07-11", Some(i32::MAX)),
        ("5881580-07-12", None),
        ("2001-02-30", None),
        ("2001-02/03", None),
        ("2001-002-03", None),
        ("20010203", None),
        ("2001-02", None),
        ("+2001-02-03", None),
        ("-0001-01-01 (BC)", None),
        // DuckDB ignores what follows the date.
        ("2001-02-03x", None),
        ("9999999999-01-01", None),
        ("", None),
    ];
    let cases = cases.map(|(text, days)| (text, days.map(Day)));
    check(DataType::Utf8, DataType::Date, Val::from, &cases);
}

#[test]
fn text_to_timestamps() {
    const AT: i64 = 981_195_072_000_000;
    let minute = 60_000_000;
    let cases = [
        ("2001-02-03 10:11:12", Some(AT)),
        ("2001-02-03T10:11:12", Some(AT)),
        ("2001-02-03T10:11:12Z", Some(AT)),
        ("2001-02-03 10:11:12 UTC", Some(AT)),
        ("  2001-02-03  10:11:12  ", Some(AT)),
        ("2001-02-03 10:11:12.", Some(AT)),
        ("2001-02-03 10:11:12.5", Some(AT + 500_000)),
        ("2001-02-03 10:11:12.1234567", Some(AT + 123_456)),
        ("2001-02-03 10:11", Some(AT - 12_000_000)),
        // DuckDB's TIMESTAMP drops the offset; here it is applied, as its TIMESTAMPTZ does.
        ("2001-02-03 10:11:12+02", Some(AT - 120 * minute)),
        ("2001-02-03 10:11:12-0230", Some(AT + 150 * minute)),
        ("2001-02-03 10:11:12+02:30", Some(AT - 150 * minute)),
        ("2001-02-03", Some(AT - 611 * minute - 12_000_000)),
        ("2001-02-02 24:00:00", Some(AT - 611 * minute - 12_000_000)),
        ("294247-01-10 04:00:54.775807", Some(i64::MAX)),
        ("294247-01-10 04:00:54.775808", None),
        ("290309-12-22 (BC) 00:00:00", Some(-9_223_372_022_400_000_000)),
        ("2001-02-03 25:00:00", None),
        ("2001-02-03 24:00:01", None),
        ("2001-02-03 10:60:00", None),
        ("2001-02-03 10:11:60", None),
        ("2001-02-03 10", None),
        ("2001-02-03T", None),
        ("2001-02-03t10:11:12", None),
        ("2001-02-03 10:11:12,5", None),
        ("2001-02-03 10:11:12+2", None),
        ("2001-02-03 10:11:12+25", None),
        ("2001-02-03 10:11:12 CET", None),
        ("2001-02-30 10:11:12", None),
    ];
    let cases = cases.map(|(text, micros)| (text, micros.map(Time)));
    check(DataType::Utf8, DataType::Timestamp, Val::from, &cases);
}

#[test]
fn dates_and_timestamps() {
    const DAY: i64 = 86_400_000_000;
    let cases = [(DAY, Some(Day(1))), (-1, Some(Day(-1))), (i64::MIN, Some(Day(-106_751_992)))];
    check(DataType::Timestamp, DataType::Date, Time, &cases);
    let cases =
        [(1, Some(Time(DAY))), (106_751_991, Some(Time(106_751_991 * DAY))), (106_751_992, None), (i32::MIN, None)];
    check(DataType::Date, DataType::Timestamp, Day, &cases);
}

#[test]
fn bytes_are_utf8() {
    check(DataType::Utf8, DataType::Binary, Val::from, &[("é", Some("é".into())), ("", Some("".into()))]);
    check(DataType::Binary, DataType::Utf8, Val::from, &[("é", Some("é".into()))]);
}

#[test]
fn bytes_that_are_not_utf8() {
    let bytes = arrow_array::BinaryArray::from_opt_vec(vec![Some(b"ok"), None, Some(b"\xff")]);
    let batch = arrow_array::RecordBatch::try_from_iter_with_nullable([("b", std::sync::Arc::new(bytes) as _, true)]);
    let batch = batch.expect("one column");
    let of = |expr| crate::build::compiled(&expr, &batch).evaluate(&batch);
    let column = || crate::build::col("b");
    let safe = of(try_cast(column(), DataType::Utf8)).expect("texts and nulls");
    assert_eq!(crate::value::values(&safe), [Text("ok".into()), Null, Null]);
    assert_eq!(of(cast(column(), DataType::Utf8)).expect_err("bytes that are no text").code(), Code::CastFailed);
}

#[test]
fn nulls_and_the_same_type() {
    assert_eq!(one(&cast(null(), DataType::Date)), Ok(Null));
    assert_eq!(one(&cast(lit(I32(1)), DataType::I32)), Ok(I32(1)));
}

#[test]
fn casts_that_do_not_exist_name_the_way() {
    for (expr, hint) in [
        (cast(lit(Time(1)), DataType::I64), ".micros()"),
        (cast(lit(I64(1)), DataType::Duration), "durationMicros"),
        (cast(lit(I64(1)), DataType::Timestamp), "durationMicros"),
        (cast(utf8("1 hour"), DataType::Duration), "no conversion of utf8 to duration"),
    ] {
        let failure = error(&expr);
        assert_eq!(failure.code(), Code::TypeMismatch);
        assert!(failure.to_string().contains(hint), "{failure}");
    }
}
