//! The three sketches beside the Apache `datasketches` crate, in one run.
//!
//! `cargo bench -p headrace-sketch`. Times are per update or per merge; a window's hot path
//! is the update and the merge of sketches that hold a few values.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use datasketches::countmin::CountMinSketch;
use datasketches::hash::value::raw_bytes;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use datasketches::tdigest::TDigestMut;
use headrace_sketch::{Distinct, TDigest, TopK};

/// Updates in one measured pass over large sketches.
const MANY: usize = 1 << 20;

fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 27)
}

/// Three-letter codes, as airports have, most of them rare.
fn codes(count: usize) -> Vec<[u8; 3]> {
    let letter = |code: u64, place: u32| b'A' + (code / 26u64.pow(place) % 26) as u8;
    (0..count as u64)
        .map(|index| {
            let unit = (mixed(index) >> 11) as f64 / (1u64 << 53) as f64;
            let code = mixed(229f64.powf(unit) as u64);
            [letter(code, 0), letter(code, 1), letter(code, 2)]
        })
        .collect()
}

/// Identifiers of 13 bytes, Zipf distributed over a million.
fn names(count: usize) -> Vec<String> {
    (0..count as u64)
        .map(|index| {
            let unit = (mixed(index) >> 11) as f64 / (1u64 << 53) as f64;
            format!("user-{:08}", 1e6f64.powf(unit) as u64)
        })
        .collect()
}

fn floats(count: usize) -> Vec<f64> {
    (0..count as u64).map(|index| mixed(index) as f64 / 1e15).collect()
}

fn tdigest_of(values: &[f64]) -> TDigest {
    let mut digest = TDigest::new();
    values.iter().for_each(|&value| digest.update(value));
    digest
}

fn apache_tdigest_of(values: &[f64]) -> TDigestMut {
    let mut digest = TDigestMut::default();
    values.iter().for_each(|&value| digest.update(value));
    digest
}

fn distinct_of(range: std::ops::Range<u64>) -> Distinct {
    let mut distinct = Distinct::new();
    range.for_each(|value| distinct.update_i64(value as i64));
    distinct
}

fn apache_hll_of(range: std::ops::Range<u64>) -> HllSketch {
    let mut sketch = HllSketch::new(12, HllType::Hll8).expect("lgK 12 is valid");
    range.for_each(|value| sketch.update(value));
    sketch
}

fn top_k_of(values: &[impl AsRef<[u8]>]) -> TopK {
    let mut top = TopK::new(3);
    values.iter().for_each(|value| top.update(value.as_ref(), 1));
    top
}

fn apache_count_min_of(values: &[impl AsRef<[u8]>]) -> CountMinSketch<u64> {
    let mut sketch = CountMinSketch::<u64>::new(5, 2048).expect("5 x 2048 is valid");
    let values = values.iter();
    values.for_each(|value| sketch.update(raw_bytes::from_slice(value.as_ref())));
    sketch
}

/// One pane: a new sketch and its first few values.
fn update_few(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update_few");
    for few in [1, 4, 16] {
        let (values, codes) = (floats(few), codes(few));
        group.throughput(Throughput::Elements(few as u64));
        group.bench_function(BenchmarkId::new("tdigest/headrace", few), |bencher| {
            bencher.iter(|| tdigest_of(black_box(&values)));
        });
        group.bench_function(BenchmarkId::new("tdigest/apache", few), |bencher| {
            bencher.iter(|| apache_tdigest_of(black_box(&values)));
        });
        group.bench_function(BenchmarkId::new("distinct/headrace", few), |bencher| {
            bencher.iter(|| distinct_of(0..black_box(few as u64)));
        });
        group.bench_function(BenchmarkId::new("distinct/apache", few), |bencher| {
            bencher.iter(|| apache_hll_of(0..black_box(few as u64)));
        });
        group.bench_function(BenchmarkId::new("top_k/headrace", few), |bencher| {
            bencher.iter(|| top_k_of(black_box(&codes)));
        });
    }
    group.finish();
}

/// One large sketch, far beyond promotion.
fn update_many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update_many");
    group.throughput(Throughput::Elements(MANY as u64));
    let values = floats(MANY);
    group.bench_function("tdigest/headrace", |bencher| {
        bencher.iter(|| tdigest_of(black_box(&values)));
    });
    group.bench_function("tdigest/apache", |bencher| {
        bencher.iter(|| apache_tdigest_of(black_box(&values)));
    });
    group.bench_function("distinct_i64/headrace", |bencher| {
        bencher.iter(|| distinct_of(0..black_box(MANY as u64)));
    });
    group.bench_function("distinct_i64/apache", |bencher| {
        bencher.iter(|| apache_hll_of(0..black_box(MANY as u64)));
    });
    let names = names(MANY);
    group.bench_function("distinct_text/headrace", |bencher| {
        bencher.iter(|| {
            let mut distinct = Distinct::new();
            let names = black_box(&names).iter();
            names.for_each(|name| distinct.update_bytes(name.as_bytes()));
            distinct
        });
    });
    group.bench_function("distinct_text/apache", |bencher| {
        bencher.iter(|| {
            let mut sketch = HllSketch::new(12, HllType::Hll8).expect("lgK 12 is valid");
            let names = black_box(&names).iter();
            names.for_each(|name| sketch.update(raw_bytes::from_str(name)));
            sketch
        });
    });
    group.bench_function("top_k/headrace", |bencher| {
        bencher.iter(|| top_k_of(black_box(&names)));
    });
    group.bench_function("top_k/apache_count_min_only", |bencher| {
        bencher.iter(|| apache_count_min_of(black_box(&names)));
    });
    group.finish();
}

/// Merging two sketches of a few values, and of many.
fn merge(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("merge");
    for size in [1, 3, 8, 30, 100_000] {
        let values = floats(2 * size);
        let (left, right) = values.split_at(size);
        let (digest, other) = (tdigest_of(left), tdigest_of(right));
        group.bench_function(BenchmarkId::new("tdigest/headrace", size), |bencher| {
            let merge = |mut into: TDigest| {
                into.merge(black_box(&other));
                into
            };
            bencher.iter_batched(|| digest.clone(), merge, BatchSize::SmallInput);
        });
        let (digest, other) = (apache_tdigest_of(left), apache_tdigest_of(right));
        group.bench_function(BenchmarkId::new("tdigest/apache", size), |bencher| {
            let merge = |mut into: TDigestMut| {
                into.merge(black_box(&other));
                into
            };
            bencher.iter_batched(|| digest.clone(), merge, BatchSize::SmallInput);
        });

        let (end, middle) = (2 * size as u64, size as u64);
        let (distinct, other) = (distinct_of(0..middle), distinct_of(middle / 2..end));
        group.bench_function(BenchmarkId::new("distinct/headrace", size), |bencher| {
            let merge = |mut into: Distinct| {
                into.merge(black_box(&other));
                into
            };
            bencher.iter_batched(|| distinct.clone(), merge, BatchSize::SmallInput);
        });
        let (sketch, other) = (apache_hll_of(0..middle), apache_hll_of(middle / 2..end));
        let mut union = HllUnion::new(12).expect("lgK 12 is valid");
        union.update(&sketch);
        group.bench_function(BenchmarkId::new("distinct/apache", size), |bencher| {
            let merge = |mut into: HllUnion| {
                into.update(black_box(&other));
                into
            };
            bencher.iter_batched(|| union.clone(), merge, BatchSize::SmallInput);
        });

        let values = names(2 * size);
        let (left, right) = values.split_at(size);
        let (top, other) = (top_k_of(left), top_k_of(right));
        group.bench_function(BenchmarkId::new("top_k/headrace", size), |bencher| {
            let merge = |mut into: TopK| {
                into.merge(black_box(&other));
                into
            };
            bencher.iter_batched(|| top.clone(), merge, BatchSize::SmallInput);
        });
        let (sketch, other) = (apache_count_min_of(left), apache_count_min_of(right));
        group.bench_function(BenchmarkId::new("top_k/apache_count_min_only", size), |bencher| {
            let merge = |mut into: CountMinSketch<u64>| {
                into.merge(black_box(&other)).expect("same configuration");
                into
            };
            bencher.iter_batched(|| sketch.clone(), merge, BatchSize::SmallInput);
        });
    }
    group.finish();
}

/// Reading an answer, as every firing does.
fn answer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("answer");
    for size in [2, 30, 100_000] {
        let values = floats(size);
        let digest = tdigest_of(&values);
        group.bench_function(BenchmarkId::new("tdigest_p50_p99/headrace", size), |bencher| {
            bencher.iter(|| black_box(&digest).quantiles(&[0.5, 0.99]));
        });
        // Asking compresses Apache's digest, so each answer starts from a fresh copy.
        let digest = apache_tdigest_of(&values);
        group.bench_function(BenchmarkId::new("tdigest_p50_p99/apache", size), |bencher| {
            let ask = |mut digest: TDigestMut| digest.quantiles(&[0.5, 0.99]);
            bencher.iter_batched(|| digest.clone(), ask, BatchSize::SmallInput);
        });
        let distinct = distinct_of(0..size as u64);
        group.bench_function(BenchmarkId::new("distinct/headrace", size), |bencher| {
            bencher.iter(|| black_box(&distinct).estimate());
        });
        let sketch = apache_hll_of(0..size as u64);
        group.bench_function(BenchmarkId::new("distinct/apache", size), |bencher| {
            bencher.iter(|| black_box(&sketch).composite_estimate());
        });
        let top = top_k_of(&names(size));
        group.bench_function(BenchmarkId::new("top_k/headrace", size), |bencher| {
            bencher.iter(|| black_box(&top).top_borrowed(3).len());
        });
    }
    group.finish();
}

/// Into a checkpoint and back.
fn checkpoint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    for size in [2, 30, 100_000] {
        let digest = tdigest_of(&floats(size));
        let distinct = distinct_of(0..size as u64);
        let top = top_k_of(&names(size));
        let mut bytes = [Vec::new(), Vec::new(), Vec::new()];
        digest.encode(&mut bytes[0]);
        distinct.encode(&mut bytes[1]);
        top.encode(&mut bytes[2]);
        let mut out = Vec::with_capacity(1 << 16);
        group.bench_function(BenchmarkId::new("encode_all_three", size), |bencher| {
            bencher.iter(|| {
                out.clear();
                digest.encode(&mut out);
                distinct.encode(&mut out);
                top.encode(&mut out);
                out.len()
            });
        });
        group.bench_function(BenchmarkId::new("decode_all_three", size), |bencher| {
            bencher.iter(|| {
                let [digest, distinct, top] = black_box(&bytes);
                (TDigest::decode(digest), Distinct::decode(distinct), TopK::decode(top))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = sketches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = update_few, update_many, merge, answer, checkpoint
}
criterion_main!(sketches);
