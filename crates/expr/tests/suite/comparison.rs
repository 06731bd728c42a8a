//! Comparisons, of floats above all.

use headrace_plan::{BinaryOp, BinaryOp::*, DataType, Function, UnaryOp};

use crate::build::{bin, call, col, lit, null, one, rows, un};
use crate::value::Val::{self, Bool, Day, F32, F64, I32, I64, Null, Span, Time};

const OPERATORS: [BinaryOp; 6] = [Eq, Ne, Lt, Le, Gt, Ge];

/// What each of [`OPERATORS`] says when the left side is less, equal or greater.
fn verdicts(ordering: std::cmp::Ordering) -> [bool; 6] {
    [ordering.is_eq(), ordering.is_ne(), ordering.is_lt(), ordering.is_le(), ordering.is_gt(), ordering.is_ge()]
}

#[test]
fn floats_have_sqls_total_order() {
    // Each group is equal among itself and less than the next.
    let groups: [&[f64]; 6] =
        [&[f64::NEG_INFINITY], &[-1.5], &[-0.0, 0.0], &[f64::MIN_POSITIVE], &[f64::INFINITY], &[f64::NAN, -f64::NAN]];
    for (i, lefts) in groups.iter().enumerate() {
        for (j, rights) in groups.iter().enumerate() {
            for (left, right) in lefts.iter().flat_map(|left| rights.iter().map(move |right| (*left, *right))) {
                check(DataType::F64, F64(left), F64(right), i.cmp(&j));
                check(
                    DataType::F32,
                    F32(left as f32),
                    F32(right as f32),
                    group(&groups, left).cmp(&group(&groups, right)),
                );
            }
        }
    }
}

// The smallest positive double is zero as a single.
fn group(groups: &[&[f64]], value: f64) -> usize {
    let index = groups.iter().position(|group| group.iter().any(|other| other.to_bits() == value.to_bits()));
    index.map_or(0, |index| if index == 3 { 2 } else { index })
}

fn check(data: DataType, left: Val, right: Val, ordering: std::cmp::Ordering) {
    let columns = [("a", data.clone(), vec![left.clone(), Null]), ("b", data, vec![right.clone(), right.clone()])];
    for (op, verdict) in OPERATORS.into_iter().zip(verdicts(ordering)) {
        let wanted = Ok(vec![Bool(verdict), Null]);
        let context = format!("{left:?} {op:?} {right:?}");
        assert_eq!(rows(&bin(op, col("a"), col("b")), &columns), wanted, "{context}");
        assert_eq!(rows(&bin(op, col("a"), lit(right.clone())), &columns), wanted, "{context} as a literal");
        assert_eq!(one(&bin(op, lit(left.clone()), lit(right.clone()))), Ok(Bool(verdict)), "{context} as literals");
    }
    let same = bin(IsNotDistinctFrom, col("a"), col("b"));
    assert_eq!(rows(&same, &columns), Ok(vec![Bool(ordering.is_eq()), Bool(false)]), "{left:?} same {right:?}");
}

#[test]
fn every_type_compares() {
    for (data, less, greater) in [
        (DataType::Bool, Bool(false), Bool(true)),
        (DataType::I32, I32(i32::MIN), I32(1)),
        (DataType::I64, I64(-1), I64(i64::MAX)),
        (DataType::Utf8, "B".into(), "a".into()),
        (DataType::Utf8, "z".into(), "é".into()),
        (DataType::Utf8, "a".into(), "aa".into()),
        (DataType::Date, Day(-1), Day(1)),
        (DataType::Timestamp, Time(i64::MIN), Time(0)),
        (DataType::Duration, Span(-5), Span(5)),
    ] {
        check(data.clone(), less.clone(), greater.clone(), std::cmp::Ordering::Less);
        check(data.clone(), greater.clone(), less.clone(), std::cmp::Ordering::Greater);
        check(data, less.clone(), less, std::cmp::Ordering::Equal);
    }
}

#[test]
fn mixed_types_widen() {
    for (left, right, equal) in [
        (I32(1), I64(1), true),
        (I32(1), F64(1.5), false),
        (I64(2), F64(2.0), true),
        (Day(1), Time(86_400_000_000), true),
        (Day(1), Time(86_400_000_001), false),
    ] {
        assert_eq!(one(&bin(Eq, lit(left.clone()), lit(right.clone()))), Ok(Bool(equal)), "{left:?} = {right:?}");
        assert_eq!(one(&bin(Eq, lit(right.clone()), lit(left.clone()))), Ok(Bool(equal)), "{right:?} = {left:?}");
    }
    let columns = [("i", DataType::I32, vec![I32(16_777_217)]), ("f", DataType::F32, vec![F32(16_777_216.0)])];
    assert_eq!(rows(&bin(Eq, col("i"), col("f")), &columns), Ok(vec![Bool(false)]), "f64 holds both exactly");
}

#[test]
fn null_equals_null_only_when_asked_so() {
    for data in [DataType::F64, DataType::I64, DataType::Utf8] {
        let columns = [("x", data, vec![Null])];
        assert_eq!(rows(&bin(Eq, col("x"), col("x")), &columns), Ok(vec![Null]));
        assert_eq!(rows(&bin(IsNotDistinctFrom, col("x"), col("x")), &columns), Ok(vec![Bool(true)]));
        assert_eq!(rows(&bin(IsNotDistinctFrom, col("x"), null()), &columns), Ok(vec![Bool(true)]));
        assert_eq!(rows(&bin(IsNotDistinctFrom, null(), col("x")), &columns), Ok(vec![Bool(true)]));
    }
    let columns = [("x", DataType::F64, vec![F64(0.0), Null])];
    assert_eq!(rows(&bin(IsNotDistinctFrom, null(), col("x")), &columns), Ok(vec![Bool(false), Bool(true)]));
    assert_eq!(rows(&bin(IsNotDistinctFrom, lit(F64(-0.0)), col("x")), &columns), Ok(vec![Bool(true), Bool(false)]));
}

#[test]
fn null_tests() {
    let columns = [("x", DataType::Utf8, vec!["".into(), Null])];
    assert_eq!(rows(&un(UnaryOp::IsNull, col("x")), &columns), Ok(vec![Bool(false), Bool(true)]));
    assert_eq!(rows(&un(UnaryOp::IsNotNull, col("x")), &columns), Ok(vec![Bool(true), Bool(false)]));
    assert_eq!(one(&un(UnaryOp::IsNull, null())), Ok(Bool(true)));
}

#[test]
fn null_if() {
    for (value, other, wanted) in [
        (I32(1), I32(1), Null),
        (I32(1), I32(2), I32(1)),
        (I32(1), I64(1), Null),
        (I32(1), I64(1 << 40), I32(1)),
        (Null, I32(1), Null),
        (I32(1), Null, I32(1)),
        (F64(f64::NAN), F64(-f64::NAN), Null),
        (F64(0.0), F64(-0.0), Null),
        ("a".into(), "a".into(), Null),
    ] {
        let expr = call(Function::NullIf, [lit(value.clone()), lit(other.clone())]);
        assert_eq!(one(&expr), Ok(wanted), "nullIf({value:?}, {other:?})");
    }
    let columns = [("x", DataType::I64, vec![I64(1), I64(2), Null])];
    assert_eq!(rows(&call(Function::NullIf, [col("x"), lit(I32(2))]), &columns), Ok(vec![I64(1), Null, Null]));
    assert_eq!(rows(&call(Function::NullIf, [lit(I32(2)), col("x")]), &columns), Ok(vec![I32(2), Null, I32(2)]));
}
