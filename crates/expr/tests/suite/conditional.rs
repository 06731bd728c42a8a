//! `and`, `or`, `not`, `case` and `coalesce`: three-valued logic, types, and errors on rows that do not need them.

use headrace_core::Code;
use headrace_plan::{BinaryOp::*, DataType, Expr, Function, UnaryOp};

use crate::build::{bin, call, case, col, lit, null, one, rows, type_of, un, utf8};
use crate::value::Val::{self, Bool, F64, I32, I64, Null};

fn bools() -> [Val; 3] {
    [Bool(true), Bool(false), Null]
}

#[test]
fn truth_tables() {
    let pairs: Vec<_> = bools().into_iter().flat_map(|a| bools().map(|b| (a.clone(), b))).collect();
    let (a, b): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
    let columns = [("a", DataType::Bool, a), ("b", DataType::Bool, b)];
    let (t, f, n) = (Bool(true), Bool(false), Null);
    let tables = [(And, [&t, &f, &n, &f, &f, &f, &n, &f, &n]), (Or, [&t, &t, &t, &t, &f, &n, &t, &n, &n])];
    for (op, table) in tables {
        let wanted: Vec<_> = table.into_iter().cloned().collect();
        assert_eq!(rows(&bin(op, col("a"), col("b")), &columns), Ok(wanted.clone()), "{op:?}");
        for ((a, b), wanted) in pairs.iter().zip(wanted) {
            assert_eq!(one(&bin(op, lit(a.clone()), lit(b.clone()))), Ok(wanted), "{a:?} {op:?} {b:?}");
        }
    }
    let negated = rows(&un(UnaryOp::Not, col("b")), &columns).expect("booleans");
    assert_eq!(negated[..3], [Bool(false), Bool(true), Null]);
}

fn numbers() -> [(&'static str, DataType, Vec<Val>); 1] {
    [("x", DataType::I64, vec![I64(5), I64(0), Null, I64(-2)])]
}

fn ten_by_x() -> Expr {
    bin(Divide, lit(I32(10)), col("x"))
}

fn x_is_zero() -> Expr {
    bin(Eq, col("x"), lit(I32(0)))
}

#[test]
fn case_does_not_fail_in_branches_not_taken() {
    let not_zero = bin(Ne, col("x"), lit(I32(0)));
    let guarded = case([(not_zero.clone(), ten_by_x())], None);
    assert_eq!(rows(&guarded, &numbers()), Ok(vec![I64(2), Null, Null, I64(-5)]));
    let otherwise = case([(x_is_zero(), lit(I64(-1)))], Some(ten_by_x()));
    assert_eq!(rows(&otherwise, &numbers()), Ok(vec![I64(2), I64(-1), Null, I64(-5)]));
    // A condition is not evaluated where an earlier one was true.
    let by_condition =
        case([(x_is_zero(), utf8("zero")), (bin(Gt, ten_by_x(), lit(I32(0))), utf8("up"))], Some(utf8("else")));
    assert_eq!(rows(&by_condition, &numbers()), Ok(vec!["up".into(), "zero".into(), "else".into(), "else".into()]));
    // A branch that no row takes is not evaluated at all, even when it fails without reading a row.
    let never = case([(lit(Bool(false)), bin(Divide, lit(I32(1)), lit(I32(0))))], Some(lit(I32(7))));
    assert_eq!(one(&never), Ok(I32(7)));
}

#[test]
fn nested_conditions_protect_what_is_inside() {
    let inner = case([(bin(Gt, ten_by_x(), lit(I32(0))), bin(Divide, lit(I32(100)), ten_by_x()))], Some(lit(I64(0))));
    let outer = case([(x_is_zero(), lit(I64(-1)))], Some(inner));
    assert_eq!(rows(&outer, &numbers()), Ok(vec![I64(50), I64(-1), I64(0), I64(0)]));
}

#[test]
fn a_branch_that_is_taken_fails() {
    let expr = case([(bin(Lt, col("x"), lit(I32(1))), ten_by_x())], None);
    assert_eq!(rows(&expr, &numbers()).expect_err("a division by zero").code(), Code::DivisionByZero);
}

#[test]
fn and_and_or_do_not_fail_where_the_left_side_decides() {
    let positive = bin(Gt, ten_by_x(), lit(I32(0)));
    let guarded = bin(And, un(UnaryOp::Not, x_is_zero()), positive.clone());
    assert_eq!(rows(&guarded, &numbers()), Ok(vec![Bool(true), Bool(false), Null, Bool(false)]));
    let or = bin(Or, x_is_zero(), positive.clone());
    assert_eq!(rows(&or, &numbers()), Ok(vec![Bool(true), Bool(true), Null, Bool(false)]));
    let unguarded = bin(And, positive, un(UnaryOp::Not, x_is_zero()));
    assert_eq!(rows(&unguarded, &numbers()).expect_err("it reads from the left").code(), Code::DivisionByZero);
}

#[test]
fn coalesce_does_not_fail_where_an_earlier_value_is_there() {
    let columns = [("a", DataType::I64, vec![I64(1), Null]), ("x", DataType::I64, vec![I64(0), I64(5)])];
    let expr = call(Function::Coalesce, [col("a"), ten_by_x()]);
    assert_eq!(rows(&expr, &columns), Ok(vec![I64(1), I64(2)]));
}

#[test]
fn coalesce_takes_the_first_value() {
    let columns = [("a", DataType::I32, vec![Null, Null, I32(1)]), ("b", DataType::I64, vec![Null, I64(2), I64(3)])];
    let of = |args: Vec<Expr>| rows(&call(Function::Coalesce, args), &columns);
    assert_eq!(of(vec![col("a"), col("b")]), Ok(vec![Null, I64(2), I64(1)]));
    assert_eq!(of(vec![col("a"), col("b"), lit(I32(9))]), Ok(vec![I64(9), I64(2), I64(1)]));
    assert_eq!(of(vec![null(), col("a"), lit(I32(9))]), Ok(vec![I32(9), I32(9), I32(1)]));
    assert_eq!(of(vec![lit(I32(4)), col("b")]), Ok(vec![I64(4), I64(4), I64(4)]));
    assert_eq!(of(vec![col("a")]), Ok(vec![Null, Null, I32(1)]));
}

#[test]
fn branches_meet_in_one_type() {
    let two = |a: Val, b: Val| case([(lit(Bool(true)), lit(a))], Some(lit(b)));
    assert_eq!(type_of(&two(I32(1), I64(2))), DataType::I64);
    assert_eq!(type_of(&two(I32(1), F64(2.0))), DataType::F64);
    assert_eq!(type_of(&two(Null, I32(2))), DataType::I32);
    assert_eq!(one(&two(I32(1), F64(2.0))), Ok(F64(1.0)));
    assert_eq!(one(&two(Null, I32(2))), Ok(Null));
}
