//! Expressions over a batch: one kernel a node, so the cost is that of the nodes.
//!
//! `cargo bench -p headrace-expr`; times are per batch of 8,192 rows.

use std::{hint::black_box, sync::Arc, time::Duration};

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headrace_expr::compile;
use headrace_plan::{BinaryOp, Expr, Literal, WhenThen};

const ROWS: usize = 8192;

fn column(name: &str) -> Expr {
    Expr::Column { name: name.into() }
}

fn number(value: i64) -> Expr {
    Expr::Literal { literal: Literal::I64 { value: value.to_string() } }
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
}

fn rows() -> RecordBatch {
    let delays = Int64Array::from_iter((0..ROWS as i64).map(|row| (row % 50 != 0).then_some(row * 7919 % 400 - 30)));
    let columns: [(&str, ArrayRef); 3] = [
        ("delay", Arc::new(delays)),
        ("weight", Arc::new(Float64Array::from_iter_values((0..ROWS).map(|row| row as f64 / 7.0)))),
        ("origin", Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("K{:02}", row * 7919 % 97))))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn expressions(criterion: &mut Criterion) {
    let late = || binary(BinaryOp::Gt, column("delay"), number(15));
    let from = Expr::Literal { literal: Literal::Utf8 { value: "K42".into() } };
    let branches = vec![WhenThen { when: late(), then: column("delay") }];
    let expressions = [
        ("checked_arithmetic", binary(BinaryOp::Plus, binary(BinaryOp::Times, column("delay"), number(60)), number(1))),
        ("float_arithmetic", binary(BinaryOp::Times, column("weight"), column("weight"))),
        ("comparisons", binary(BinaryOp::And, late(), binary(BinaryOp::Eq, column("origin"), from))),
        ("case", Expr::Case { branches, otherwise: Some(Box::new(number(0))) }),
    ];
    let batch = rows();
    let mut group = criterion.benchmark_group("expression");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, expr) in expressions {
        let compiled = compile(&expr, &batch.schema()).expect("the expression fits the columns");
        group.bench_function(name, |bencher| bencher.iter(|| compiled.evaluate(black_box(&batch))));
    }
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = expressions
}
criterion_main!(kernels);
