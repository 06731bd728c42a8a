//! `watermark()`: stamping rows and keeping the observed disorder, per row.
//!
//! `cargo bench -p headrace-operators --bench watermark`.

use std::{hint::black_box, sync::Arc, time::Duration};

use arrow_array::{RecordBatch, TimestampMicrosecondArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headrace_core::{Batch, time::Micros};
use headrace_operators::{Operator, Output, Watermark, WatermarkSpec};

const ROWS: usize = 8192;
const BATCHES: usize = 64;
const MINUTE: Micros = 60_000_000;

fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 27)
}

/// Batches whose row `i` has the event time that `time` says.
fn batches(time: impl Fn(u64) -> Micros) -> Vec<Batch> {
    let batch = |number: usize| {
        let rows = (number * ROWS) as u64..((number + 1) * ROWS) as u64;
        let times = TimestampMicrosecondArray::from_iter_values(rows.map(&time));
        let data =
            RecordBatch::try_from_iter([("time", Arc::new(times) as arrow_array::ArrayRef)]).expect("one column");
        Batch::new(data)
    };
    (0..BATCHES).map(batch).collect()
}

/// How late the row is: a few minutes most often, now and then hours, as flights are.
fn delay(row: u64) -> Micros {
    let unit = (mixed(row) >> 11) as f64 / (1u64 << 53) as f64;
    (5.0 * MINUTE as f64 * -(1.0 - unit).ln().min(0.0) * (1.0 + 20.0 * unit.powi(8))) as Micros
}

fn stamp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("watermark");
    group.throughput(Throughput::Elements((ROWS * BATCHES) as u64));
    let step = 5_000_000;
    let inputs = [
        ("in_order", batches(|row| row as Micros * step)),
        ("all_equally_behind", batches(|row| if row == 0 { 100 * MINUTE } else { 0 })),
        ("disordered", batches(|row| row as Micros * step - delay(row))),
    ];
    let spec = WatermarkSpec { column: 0, lag: 180 * MINUTE, replaces: false, idle: None, max_ahead: None };
    for (name, batches) in &inputs {
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                let mut watermark = Watermark::new(spec, [0]);
                let mut out = Output::new([true, false]);
                for batch in batches {
                    watermark.on_batch(black_box(batch).clone(), &mut out).expect("times are in range");
                    black_box(out.take());
                }
                watermark.counters()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = watermark;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(30);
    targets = stamp
}
criterion_main!(watermark);
