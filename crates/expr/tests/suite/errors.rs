//! Errors of compilation and the place of errors of evaluation; and what a compiled expression tells of itself.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use headrace_core::{Batch, Code, Error, Origin};
use headrace_expr::{compile, compile_predicate, predicate};
use headrace_plan::{BinaryOp::*, DataType, Expr, Function, Literal, UnaryOp};

use crate::build::{batch, bin, call, case, cast, col, compiled, lit, null, un, utf8};
use crate::value::Val::{self, Bool, F64, I32, I64, Null, Span, Time};

fn flights() -> RecordBatch {
    batch(&[
        ("origin", DataType::Utf8, vec!["ABQ".into(), "ABQ".into(), Null]),
        ("delay", DataType::I64, vec![I64(5), I64(0), Null]),
        ("date", DataType::Timestamp, vec![Time(1), Time(2), Null]),
    ])
}

fn refused(expr: &Expr) -> Error {
    compile(expr, &flights().schema()).map(|_| ()).expect_err("it does not compile")
}

#[test]
fn unknown_columns_suggest_the_close_one() {
    let failure = refused(&bin(Plus, col("delya"), lit(I32(1))));
    assert_eq!(failure.code(), Code::UnknownColumn);
    assert!(failure.to_string().contains("'delya'") && failure.to_string().contains("'delay'"), "{failure}");
    let failure = refused(&col("price"));
    assert!(failure.to_string().ends_with("The columns are 'origin', 'delay', 'date'."), "{failure}");
}

#[test]
fn type_errors_name_both_types_the_operation_and_a_way_out() {
    let x = || col("delay");
    let text = || col("origin");
    for (expr, parts) in [
        (bin(Plus, text(), x()), vec!["'+'", "utf8 (origin)", "i64 (delay)", ".cast(t.f64())", "concat"]),
        (bin(Minus, text(), lit(I32(1))), vec!["'-'", "utf8 (origin)", "i32 (1)", ".cast(t.f64())"]),
        (bin(Times, col("date"), x()), vec!["'*'", "timestamp (date)", ".micros()"]),
        (bin(Plus, col("date"), col("date")), vec!["'+'", "timestamp", ".micros()"]),
        (bin(Times, lit(Span(1)), lit(F64(0.5))), vec!["'*'", "duration", "f64", ".cast(t.i64())"]),
        (bin(Plus, lit(Bool(true)), x()), vec!["'+'", "bool", ".cast(t.i32())"]),
        (bin(Eq, text(), x()), vec!["'='", "utf8 (origin)", "i64 (delay)", ".cast(t.i64())"]),
        (bin(Lt, null(), null()), vec!["'<'", "null", "isNull"]),
        (bin(Plus, null(), null()), vec!["'+'", "null", ".cast(t.i64())"]),
        (bin(And, x(), lit(Bool(true))), vec!["'and'", "takes bool", "i64 (delay)", ".gt(0)"]),
        (un(UnaryOp::Not, x()), vec!["not", "bool", "i64 (delay)"]),
        (un(UnaryOp::Negate, text()), vec!["'-'", "utf8 (origin)"]),
        (case([(x(), lit(I32(1)))], None), vec!["condition", "bool", "i64 (delay)"]),
        (case([(lit(Bool(true)), x())], Some(text())), vec!["'case'", "i64 (delay)", "utf8 (origin)", ".cast("]),
        (call(Function::Coalesce, [x(), text()]), vec!["'coalesce'", "i64 (delay)", "utf8 (origin)"]),
        (call(Function::Lower, [x()]), vec!["lower", "utf8", "i64 (delay)", ".cast(t.utf8())"]),
        (call(Function::Abs, [text()]), vec!["abs", "a number", "utf8 (origin)"]),
        (call(Function::Floor, [text()]), vec!["floor", "a number", "utf8 (origin)"]),
        (call(Function::Year, [x()]), vec!["year", "a timestamp or a date", "i64 (delay)"]),
        (call(Function::Micros, [x()]), vec!["micros", "a timestamp or a duration", "i64 (delay)"]),
        (call(Function::Substring, [text(), lit(F64(1.0))]), vec!["substring", "i64", "f64 (1.0)"]),
        (call(Function::NullIf, [x(), text()]), vec!["'nullIf'", "i64 (delay)", "utf8 (origin)"]),
        (null(), vec!["null", ".cast("]),
    ] {
        let failure = refused(&expr);
        assert_eq!(failure.code(), Code::TypeMismatch, "{failure}");
        for part in parts {
            assert!(failure.to_string().contains(part), "'{part}' is missing in: {failure}");
        }
    }
}

#[test]
fn plans_that_no_builder_makes() {
    let literal = |literal| Expr::Literal { literal };
    let deep = (0..2000).fold(col("delay"), |inner, _| un(UnaryOp::Negate, inner));
    for expr in [
        literal(Literal::I64 { value: "9223372036854775808".into() }),
        literal(Literal::F64 { value: "one".into() }),
        literal(Literal::Utf8 { value: "x".repeat(70_000) }),
        call(Function::Lower, []),
        call(Function::Coalesce, []),
        call(Function::Substring, [utf8("x")]),
        case([], Some(lit(I32(1)))),
        deep,
    ] {
        assert_eq!(refused(&expr).code(), Code::PlanInvalid);
    }
}

#[test]
fn conditions_must_be_boolean() {
    let schema = flights().schema();
    let failure = compile_predicate(&col("delay"), &schema).expect_err("a number");
    assert_eq!(failure.code(), Code::TypeMismatch);
    assert!(compile_predicate(&bin(Gt, col("delay"), lit(I32(0))), &schema).is_ok());
    let never = compile_predicate(&null(), &schema).expect("null is a condition that is never true");
    assert_eq!(predicate(&never, &flights()).expect("a mask").true_count(), 0);
}

#[test]
fn null_is_false_in_a_predicate() {
    let condition = compiled(&bin(Gt, col("delay"), lit(I32(0))), &flights());
    let mask = predicate(&condition, &flights()).expect("a mask");
    assert_eq!(mask.null_count(), 0);
    assert_eq!(mask.iter().collect::<Vec<_>>(), [Some(true), Some(false), Some(false)]);
    let number = compiled(&col("delay"), &flights());
    assert_eq!(predicate(&number, &flights()).expect_err("not a condition").code(), Code::Internal);
}

#[test]
fn a_failure_names_the_first_bad_row() {
    for bad in [0, 1, 499, 998, 999] {
        let values: Vec<Val> = (0..1000)
            .map(|row| I64(if row < bad { 1 } else { 1000 - row - i64::from(row == bad) * (1000 - row) }))
            .collect();
        let data = batch(&[("x", DataType::I64, values)]);
        let batch = Batch { origin: Origin { partition: 2, first_row: 50 }, ..Batch::new(data) };
        let failure =
            compiled(&bin(Divide, lit(I32(10)), col("x")), &batch.data).evaluate_batch(&batch).expect_err("a zero");
        assert_eq!(failure.code(), Code::DivisionByZero);
        assert_eq!(failure.place().and_then(|place| place.row.clone()), Some(format!("2:{}", 50 + bad)));
    }
}

#[test]
fn the_error_is_that_of_the_first_bad_row_not_of_the_first_operation() {
    // The cast fails in row 1, the multiplication, which a whole column reaches later, in row 0.
    let columns = [("s", DataType::Utf8, vec![utf("9"), utf("x")]), ("n", DataType::I64, vec![I64(i64::MAX), I64(1)])];
    let data = batch(&columns);
    let product = bin(Times, cast(col("s"), DataType::I64), col("n"));
    let failure = compiled(&product, &data).evaluate(&data).expect_err("both rows fail");
    assert_eq!(failure.code(), Code::Overflow, "{failure}");
    let message = failure.to_string();
    assert!(message.contains("9 * 9223372036854775807") && message.contains("s.cast(i64) * n"), "{message}");
}

fn utf(text: &str) -> Val {
    text.into()
}

#[test]
fn compiled_expressions_tell_what_they_are() {
    let batch = flights();
    let sum = compiled(&bin(Plus, col("delay"), bin(Plus, lit(I32(1)), col("delay"))), &batch);
    assert_eq!((sum.columns(), sum.data_type(), sum.nullable()), (&["delay".to_owned()][..], &DataType::I64, true));
    assert_eq!(sum.as_column(), None);
    assert_eq!(compiled(&col("date"), &batch).as_column(), Some(2));
    let joined = call(Function::Concat, [cast(col("delay"), DataType::Utf8), col("origin")]);
    assert_eq!(compiled(&joined, &batch).columns(), ["origin", "delay"]);
    assert!(!compiled(&call(Function::Coalesce, [col("delay"), lit(I32(0))]), &batch).nullable());
    assert!(!compiled(&un(UnaryOp::IsNull, col("delay")), &batch).nullable());
    assert!(compiled(&case([(lit(Bool(true)), lit(I32(1)))], None), &batch).nullable());
}

#[test]
fn a_column_is_returned_as_it_is() {
    let batch = flights();
    let column = compiled(&col("delay"), &batch).evaluate(&batch).expect("a column");
    assert!(Arc::ptr_eq(&column, batch.column(1)));
}

#[test]
fn no_rows_have_no_errors() {
    let empty = flights().slice(0, 0);
    let result = compiled(&bin(Divide, lit(I32(1)), lit(I32(0))), &empty).evaluate(&empty).expect("no row fails");
    assert_eq!((result.len(), result.data_type()), (0, &ArrowType::Int32));
    let batch = batch(&[]);
    assert_eq!(compiled(&lit(I32(1)), &batch).evaluate(&batch).expect("one row").len(), 1);
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let sum = compiled(&bin(Plus, col("delay"), lit(I32(1))), &flights());
    for other in [batch(&[]), batch(&[("a", DataType::I32, vec![I32(1)]), ("delay", DataType::I32, vec![I32(1)])])] {
        assert_eq!(sum.evaluate(&other).expect_err("another schema").code(), Code::Internal);
    }
}

#[test]
fn columns_of_foreign_types_are_refused_only_when_read() {
    let fields = vec![Field::new("small", ArrowType::Int8, true), Field::new("x", ArrowType::Int32, true)];
    let schema = Schema::new(fields);
    assert_eq!(compile(&col("small"), &schema).expect_err("not carried").code(), Code::TypeMismatch);
    assert!(compile(&col("x"), &schema).is_ok());
}
