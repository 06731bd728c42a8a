//! Canonical keys: encoding, hashing, and the owner of a row's key, which is how an exchange deals rows.
//!
//! `cargo bench -p headrace-core`; times are per batch of 8,192 rows.

use std::{hint::black_box, sync::Arc, time::Duration};

use arrow_array::{ArrayRef, Int64Array, StringArray};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headrace_core::key::{self, Keys};

const ROWS: usize = 8192;

/// Text of three letters, one of 229 as airports are.
fn codes() -> ArrayRef {
    let code = |row: usize| {
        let number = row * 7919 % 229;
        [number / 26 / 26, number / 26 % 26, number % 26].map(|letter| (b'A' + letter as u8) as char).iter().collect()
    };
    Arc::new(StringArray::from_iter_values((0..ROWS).map(code).collect::<Vec<String>>()))
}

fn numbers() -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(|row| row * 7919 % 1000)))
}

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keys");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, columns) in
        [("text", vec![codes()]), ("i64", vec![numbers()]), ("text_and_i64", vec![codes(), numbers()])]
    {
        group.bench_function(BenchmarkId::new("encode", name), |bencher| {
            bencher.iter(|| Keys::encode(black_box(&columns), ROWS));
        });
        let encoded = Keys::encode(&columns, ROWS).expect("these columns can be keys");
        group.bench_function(BenchmarkId::new("hash", name), |bencher| bencher.iter(|| black_box(&encoded).hashes()));
    }
    let hashes = Keys::encode(&[codes()], ROWS).expect("text can be a key").hashes();
    group.bench_function("owner", |bencher| {
        bencher.iter(|| {
            let owner = |hash: &u64| u64::from(key::owner(key::key_group(*hash), black_box(4)));
            black_box(&hashes).iter().map(owner).sum::<u64>()
        });
    });
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = keys
}
criterion_main!(kernels);
