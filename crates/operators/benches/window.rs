//! The window operator through its public face: taking rows, and firing windows.
//!
//! `cargo bench -p headrace-operators --bench window`; times are per row taken, and per result row.

use std::{hint::black_box, sync::Arc, time::Duration};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headrace_core::{Batch, time::Micros};
use headrace_operators::{LATENESS_COLUMN, Message, Operator, Output, WINDOW_END, WINDOW_START, Window, WindowSpec};
use headrace_plan::{AggregateFunction, Expr, NamedAggregate};

const ROWS: usize = 8192;
const KEYS: usize = 229;
const SLIDE: Micros = 60_000_000;

/// Rows of all keys in turn, spread over `slices` slides.
fn rows(slices: Micros) -> Batch {
    let times: Vec<Micros> = (0..ROWS as Micros).map(|row| row * slices * SLIDE / ROWS as Micros).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("key", Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("K{:03}", row % KEYS))))),
        ("time", Arc::new(TimestampMicrosecondArray::from(times.clone()))),
        ("value", Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row * 7919 % 400)))),
    ];
    let mut batch = Batch::new(RecordBatch::try_from_iter(columns).expect("columns of one length"));
    batch.row_watermarks = Some(vec![Micros::MIN; ROWS].into());
    batch.times = Some(times.into());
    batch
}

fn window(input: &Batch, size: Micros, function: &AggregateFunction) -> Window {
    let aggregate = NamedAggregate { name: "result".into(), function: function.clone(), filter: None };
    let fields = |fields: Vec<Field>| Arc::new(Schema::new(fields));
    let schema = input.data.schema();
    let time = schema.field(1).data_type().clone();
    let mut output = vec![schema.field(0).clone()];
    output.extend([WINDOW_START, WINDOW_END].map(|name| Field::new(name, time.clone(), false)));
    output.push(headrace_operators::result_field(&aggregate, &schema).expect("the aggregate fits"));
    let mut late: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    late.push(Field::new(LATENESS_COLUMN, DataType::Int64, false));
    Window::new(WindowSpec {
        keys: vec![0],
        key_types: vec![schema.field(0).data_type().clone()],
        size,
        slide: SLIDE,
        offset: 0,
        lateness: 0,
        aggregates: vec![aggregate],
        input: schema,
        output: fields(output),
        late: fields(late),
    })
    .expect("the window fits its input")
}

fn functions() -> [(&'static str, AggregateFunction); 3] {
    let value = || Expr::Column { name: "value".into() };
    [
        ("sum", AggregateFunction::Sum { arg: value() }),
        ("max", AggregateFunction::Max { arg: value() }),
        ("quantile", AggregateFunction::Quantile { arg: value(), q: 0.99 }),
    ]
}

fn update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window_update");
    group.throughput(Throughput::Elements(ROWS as u64));
    let batch = rows(4);
    for (name, function) in functions() {
        let mut out = Output::new([true, false]);
        let fresh = || {
            let mut window = window(&batch, SLIDE, &function);
            window.on_batch(batch.clone(), &mut Output::default()).expect("the rows are taken");
            window
        };
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                fresh,
                |window| window.on_batch(black_box(batch.clone()), &mut out).expect("the rows are taken"),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn fire(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("window_fire");
    let batch = rows(16);
    for (name, function) in functions() {
        for slides in [1, 8] {
            let fresh = || {
                let mut window = window(&batch, slides * SLIDE, &function);
                window.on_batch(batch.clone(), &mut Output::default()).expect("the rows are taken");
                window
            };
            group.throughput(Throughput::Elements(results(&mut fresh())));
            group.bench_function(BenchmarkId::new(name, format!("{slides}_slides")), |bencher| {
                bencher.iter_batched_ref(fresh, results, BatchSize::LargeInput);
            });
        }
    }
    group.finish();
}

/// Fires all windows, and says how many rows they had.
fn results(window: &mut Window) -> u64 {
    let mut out = Output::new([true, false]);
    window.on_watermark(Micros::MAX, &mut out).expect("windows fire");
    let mut rows = 0;
    loop {
        let (messages, unfinished) = out.take();
        rows += messages
            .iter()
            .map(|(_, message)| if let Message::Batch(batch) = message { batch.rows() } else { 0 })
            .sum::<usize>();
        if !unfinished {
            return rows as u64;
        }
        window.resume(&mut out).expect("windows fire");
    }
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = update, fire
}
criterion_main!(kernels);
