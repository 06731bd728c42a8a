//! Short ways to write expressions and to evaluate them.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use headrace_core::{Error, Result};
use headrace_expr::{Compiled, compile};
use headrace_plan::{BinaryOp, DataType, Expr, Function, Literal, UnaryOp, WhenThen};

use crate::value::{Val, column, values};

pub(crate) fn col(name: &str) -> Expr {
    Expr::Column { name: name.into() }
}

pub(crate) fn lit(value: Val) -> Expr {
    let literal = match value {
        Val::Null => Literal::Null,
        Val::Bool(value) => Literal::Bool { value },
        Val::I32(value) => Literal::I32 { value },
        Val::I64(value) => Literal::I64 { value: value.to_string() },
        Val::F32(value) => return cast(lit(Val::F64(value.into())), DataType::F32),
        Val::F64(value) => Literal::F64 { value: format!("{value:?}") },
        Val::Text(value) => Literal::Utf8 { value },
        Val::Time(value) => Literal::Timestamp { value: value.to_string() },
        Val::Span(value) => Literal::Duration { value: value.to_string() },
        Val::Day(value) => Literal::Date { value },
    };
    Expr::Literal { literal }
}

pub(crate) fn utf8(value: &str) -> Expr {
    lit(Val::Text(value.into()))
}

pub(crate) fn null() -> Expr {
    lit(Val::Null)
}

pub(crate) fn un(op: UnaryOp, arg: Expr) -> Expr {
    Expr::Unary { op, arg: Box::new(arg) }
}

pub(crate) fn bin(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

pub(crate) fn cast(arg: Expr, to: DataType) -> Expr {
    Expr::Cast { arg: Box::new(arg), to, safe: false }
}

pub(crate) fn try_cast(arg: Expr, to: DataType) -> Expr {
    Expr::Cast { arg: Box::new(arg), to, safe: true }
}

pub(crate) fn call(function: Function, args: impl Into<Vec<Expr>>) -> Expr {
    Expr::Call { function, args: args.into() }
}

pub(crate) fn case(branches: impl IntoIterator<Item = (Expr, Expr)>, otherwise: Option<Expr>) -> Expr {
    let branches = branches.into_iter().map(|(when, then)| WhenThen { when, then }).collect();
    Expr::Case { branches, otherwise: otherwise.map(Box::new) }
}

/// A batch of named columns.
pub(crate) fn batch(columns: &[(&str, DataType, Vec<Val>)]) -> RecordBatch {
    let fields = columns.iter().map(|(name, data, _)| arrow_schema::Field::new(*name, data.to_arrow(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let rows = columns.first().map_or(1, |(_, _, values)| values.len());
    let arrays = columns.iter().map(|(_, data, values)| column(data, values)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.into(), arrays, &options).expect("columns of one length")
}

pub(crate) fn compiled(expr: &Expr, batch: &RecordBatch) -> Compiled {
    compile(expr, &batch.schema()).expect("a well-typed expression")
}

/// The type an expression without columns has.
pub(crate) fn type_of(expr: &Expr) -> DataType {
    compile(expr, &Schema::empty()).expect("a well-typed expression").data_type().clone()
}

/// The values of an expression over columns.
pub(crate) fn rows(expr: &Expr, columns: &[(&str, DataType, Vec<Val>)]) -> Result<Vec<Val>> {
    let batch = batch(columns);
    compiled(expr, &batch).evaluate(&batch).map(|array| values(&array))
}

/// The value of an expression without columns.
pub(crate) fn one(expr: &Expr) -> Result<Val> {
    Ok(rows(expr, &[])?.remove(0))
}

/// The error of an expression without columns, at compilation or evaluation.
pub(crate) fn error(expr: &Expr) -> Error {
    let batch = batch(&[]);
    let result = compile(expr, &batch.schema()).and_then(|compiled| compiled.evaluate(&batch));
    result.expect_err("an error")
}

/// The value of a one-argument expression both for a literal and for a column in which the value stands among nulls.
pub(crate) fn both(data: DataType, value: Val, expr: impl Fn(Expr) -> Expr) -> Result<Val> {
    let scalar = one(&expr(cast(lit(value.clone()), data.clone())))?;
    let column = rows(&expr(col("x")), &[("x", data, vec![Val::Null, value, Val::Null])])?;
    assert!(column[1].same(&scalar), "as a column {:?}, as a literal {scalar:?}", column[1]);
    Ok(scalar)
}
