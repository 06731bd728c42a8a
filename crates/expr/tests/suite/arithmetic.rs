//! Arithmetic: types, values at the edges, and functions of one number.

use headrace_core::Code;
use headrace_plan::{BinaryOp::*, DataType, Function, UnaryOp};

use crate::build::{bin, both, call, cast, col, error, lit, null, one, rows, type_of, un};
use crate::value::Val::{self, Day, F32, F64, I32, I64, Null, Span, Time};

#[test]
fn types_widen() {
    for (left, right, wanted) in [
        (I32(1), I32(2), DataType::I32),
        (I32(1), I64(2), DataType::I64),
        (I64(1), I64(2), DataType::I64),
        (I32(1), F64(2.0), DataType::F64),
        (I64(1), F64(2.0), DataType::F64),
        (F32(1.0), F32(2.0), DataType::F32),
        (I32(1), Null, DataType::I32),
        (Null, F64(1.0), DataType::F64),
    ] {
        for op in [Plus, Minus, Times, Divide, Modulo] {
            let expr = bin(op, lit(left.clone()), lit(right.clone()));
            assert_eq!(type_of(&expr), wanted, "{left:?} {op:?} {right:?}");
            assert!(matches!(one(&expr), Ok(value) if (value == Null) == (left == Null || right == Null)));
        }
    }
}

#[test]
fn literals_adapt_to_f32_columns_and_columns_do_not() {
    let columns = [
        ("f32", DataType::F32, vec![F32(0.1)]),
        ("f64", DataType::F64, vec![F64(0.1)]),
        ("i32", DataType::I32, vec![I32(1)]),
    ];
    let sum = |right| rows(&bin(Plus, col("f32"), right), &columns).expect("a sum").remove(0);
    assert_eq!(sum(lit(F64(0.2))), F32(0.1 + 0.2));
    assert_eq!(sum(lit(I32(2))), F32(2.1));
    assert_eq!(sum(lit(F64(1e300))), F64(f64::from(0.1_f32) + 1e300));
    assert_eq!(sum(col("f64")), F64(f64::from(0.1_f32) + 0.1));
    assert_eq!(sum(col("i32")), F64(f64::from(0.1_f32) + 1.0));
    let equal = bin(Eq, col("f32"), lit(F64(0.1)));
    assert_eq!(rows(&equal, &columns), Ok(vec![Val::Bool(true)]));
}

#[test]
fn integers() {
    for (op, left, right, wanted) in [
        (Divide, -7, 2, -3),
        (Divide, 7, -2, -3),
        (Modulo, -7, 2, -1),
        (Modulo, 7, -2, 1),
        (Plus, i64::MAX, 0, i64::MAX),
        (Minus, i64::MIN, 0, i64::MIN),
        (Times, i64::MIN, 1, i64::MIN),
    ] {
        let value = both(DataType::I64, I64(left), |left| bin(op, left, lit(I64(right))));
        assert_eq!(value, Ok(I64(wanted)), "{left} {op:?} {right}");
        let swapped = both(DataType::I64, I64(right), |right| bin(op, lit(I64(left)), right));
        assert_eq!(swapped, Ok(I64(wanted)), "{left} {op:?} {right}, the right side a column");
    }
}

#[test]
fn integers_that_leave_their_range() {
    for (op, left, right) in [
        (Plus, i32::MAX, 1),
        (Minus, i32::MIN, 1),
        (Times, i32::MAX, 2),
        (Divide, i32::MIN, -1),
        (Modulo, i32::MIN, -1),
    ] {
        let narrow = error(&bin(op, lit(I32(left)), lit(I32(right))));
        assert_eq!(narrow.code(), Code::Overflow, "{left} {op:?} {right}: {narrow}");
        assert!(narrow.to_string().contains(".cast(t.i64())"), "{narrow}");
        let wide = one(&bin(op, lit(I32(left)), lit(I64(right.into()))));
        assert!(matches!(wide, Ok(I64(_))), "{left} {op:?} {right} as i64: {wide:?}");
    }
    assert_eq!(error(&un(UnaryOp::Negate, lit(I64(i64::MIN)))).code(), Code::Overflow);
    assert_eq!(error(&call(Function::Abs, [lit(I64(i64::MIN))])).code(), Code::Overflow);
    assert_eq!(error(&call(Function::Abs, [lit(I32(i32::MIN))])).code(), Code::Overflow);
}

#[test]
fn division_by_zero() {
    for op in [Divide, Modulo] {
        let columns = [("x", DataType::I64, vec![I64(1), Null])];
        for expr in [bin(op, col("x"), lit(I32(0))), bin(op, lit(I64(1)), bin(Minus, col("x"), lit(I32(1))))] {
            let failure = rows(&expr, &columns).expect_err("a division by zero");
            assert_eq!(failure.code(), Code::DivisionByZero);
            assert!(failure.to_string().contains("nullIf"), "{failure}");
        }
        assert_eq!(one(&bin(op, null(), lit(I32(0)))), Ok(Null), "null divided by zero is null");
    }
    assert_eq!(one(&bin(Divide, lit(F64(1.0)), lit(I32(0)))), Ok(F64(f64::INFINITY)));
    assert_eq!(one(&bin(Divide, lit(F64(-1.0)), lit(F64(0.0)))), Ok(F64(f64::NEG_INFINITY)));
    assert!(matches!(one(&bin(Modulo, lit(F64(5.5)), lit(F64(0.0)))), Ok(F64(value)) if value.is_nan()));
}

#[test]
fn floats_are_ieee() {
    let same = |expr, wanted: f64| {
        let value = one(&expr).expect("a float");
        assert!(value.same(&F64(wanted)), "{value:?} is not {wanted:?}");
    };
    same(bin(Plus, lit(F64(f64::MAX)), lit(F64(f64::MAX))), f64::INFINITY);
    same(bin(Minus, lit(F64(f64::INFINITY)), lit(F64(f64::INFINITY))), f64::NAN);
    same(bin(Modulo, lit(F64(-5.5)), lit(I32(2))), -1.5);
    same(bin(Modulo, lit(F64(5.5)), lit(F64(f64::NEG_INFINITY))), 5.5);
    same(un(UnaryOp::Negate, lit(F64(0.0))), -0.0);
    same(call(Function::Abs, [lit(F64(-0.0))]), 0.0);
}

#[test]
fn rounding() {
    for (value, floor, ceil, round) in [
        (0.5, 0.0, 1.0, 1.0),
        (-0.5, -1.0, -0.0, -1.0),
        (2.5, 2.0, 3.0, 3.0),
        (0.499_999_999_999_999_94, 0.0, 1.0, 0.0),
        (-0.2, -1.0, -0.0, -0.0),
        (1e300, 1e300, 1e300, 1e300),
        (-0.0, -0.0, -0.0, -0.0),
        (f64::INFINITY, f64::INFINITY, f64::INFINITY, f64::INFINITY),
        (f64::NAN, f64::NAN, f64::NAN, f64::NAN),
    ] {
        for (function, wanted) in [(Function::Floor, floor), (Function::Ceil, ceil), (Function::Round, round)] {
            let result = both(DataType::F64, F64(value), |arg| call(function, [arg])).expect("a float");
            assert!(result.same(&F64(wanted)), "{function:?} of {value:?}: {result:?}");
        }
    }
    assert_eq!(both(DataType::F32, F32(2.5), |arg| call(Function::Round, [arg])), Ok(F32(3.0)));
    assert_eq!(both(DataType::I64, I64(7), |arg| call(Function::Floor, [arg])), Ok(F64(7.0)));
}

#[test]
fn square_roots() {
    assert_eq!(both(DataType::I32, I32(4), |arg| call(Function::Sqrt, [arg])), Ok(F64(2.0)));
    assert_eq!(both(DataType::F32, F32(2.25), |arg| call(Function::Sqrt, [arg])), Ok(F64(1.5)));
    assert!(matches!(one(&call(Function::Sqrt, [lit(F64(-1.0))])), Ok(F64(value)) if value.is_nan()));
    assert!(matches!(one(&call(Function::Sqrt, [lit(F64(-0.0))])), Ok(value) if value.same(&F64(-0.0))));
    assert_eq!(one(&call(Function::Sqrt, [null()])), Ok(Null));
}

#[test]
fn times_and_durations() {
    let day = 86_400_000_000;
    for (op, left, right, wanted) in [
        (Plus, Time(10), Span(-3), Time(7)),
        (Plus, Span(-3), Time(10), Time(7)),
        (Minus, Time(10), Span(3), Time(7)),
        (Minus, Time(10), Time(3), Span(7)),
        (Plus, Span(10), Span(3), Span(13)),
        (Minus, Span(10), Span(3), Span(7)),
        (Times, Span(10), I32(-3), Span(-30)),
        (Times, I64(-3), Span(10), Span(-30)),
        (Plus, Day(1), Span(5), Time(day + 5)),
        (Plus, Span(5), Day(1), Time(day + 5)),
        (Minus, Day(1), Time(1), Span(day - 1)),
        (Minus, Time(1), Day(1), Span(1 - day)),
        (Plus, Time(10), Null, Null),
        (Minus, Null, Time(10), Null),
        (Times, Null, Span(10), Null),
    ] {
        assert_eq!(one(&bin(op, lit(left.clone()), lit(right.clone()))), Ok(wanted), "{left:?} {op:?} {right:?}");
    }
    assert_eq!(both(DataType::Duration, Span(5), |arg| un(UnaryOp::Negate, arg)), Ok(Span(-5)));
    assert_eq!(both(DataType::Duration, Span(-5), |arg| call(Function::Abs, [arg])), Ok(Span(5)));
}

#[test]
fn times_that_leave_their_range() {
    for (op, left, right) in [
        (Plus, Time(i64::MAX), Span(1)),
        (Minus, Time(i64::MIN), Span(1)),
        (Minus, Time(i64::MIN), Time(1)),
        (Plus, Span(i64::MAX), Span(1)),
        (Minus, Span(i64::MIN), Span(1)),
        (Times, Span(i64::MAX), I32(2)),
        (Times, I64(2), Span(i64::MIN)),
    ] {
        let failure = error(&bin(op, lit(left.clone()), lit(right.clone())));
        assert_eq!(failure.code(), Code::Overflow, "{left:?} {op:?} {right:?}: {failure}");
    }
    assert_eq!(error(&bin(Plus, lit(Day(i32::MAX)), lit(Span(0)))).code(), Code::CastFailed);
}

#[test]
fn nulls_stay_null_beside_values() {
    let columns = [("x", DataType::I64, vec![I64(1), Null, I64(3)])];
    let doubled = bin(Plus, col("x"), cast(col("x"), DataType::I32));
    assert_eq!(rows(&doubled, &columns), Ok(vec![I64(2), Null, I64(6)]));
}
