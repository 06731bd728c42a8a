//! Keyed state: the number of a key, a slot of a column, and the first write to a page after a snapshot.
//!
//! `cargo bench -p headrace-state`; times are per key or slot.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headrace_state::{KeyTable, PAGE_ROWS, Paged};

fn mixed(index: u64) -> u64 {
    let mut word = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word ^ (word >> 27)
}

fn keys(count: u64) -> Vec<([u8; 8], u64)> {
    (0..count).map(|key| (key.to_le_bytes(), mixed(key))).collect()
}

fn table(keys: &[([u8; 8], u64)]) -> KeyTable {
    let mut table = KeyTable::default();
    keys.iter().for_each(|(key, hash)| _ = table.intern(key, *hash));
    table
}

fn key_numbers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("key_table");
    for count in [1 << 8, 1 << 16] {
        let keys = keys(count);
        group.throughput(Throughput::Elements(count));
        group.bench_function(BenchmarkId::new("new", count), |bencher| bencher.iter(|| table(black_box(&keys))));
        let mut known = table(&keys);
        group.bench_function(BenchmarkId::new("known", count), |bencher| {
            bencher
                .iter(|| black_box(&keys).iter().map(|(key, hash)| u64::from(known.intern(key, *hash))).sum::<u64>());
        });
    }
    group.finish();
}

fn slots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("paged");
    let slots: Vec<u32> = (0..64 * PAGE_ROWS as u64).map(|at| (mixed(at) % (64 * PAGE_ROWS as u64)) as u32).collect();
    let mut column = Paged::new();
    column.resize(slots.len(), || 0u64);
    group.throughput(Throughput::Elements(slots.len() as u64));
    group.bench_function("add", |bencher| {
        bencher.iter(|| black_box(&slots).iter().for_each(|slot| *column.get_mut(*slot) += 1));
    });
    group.bench_function("add_after_a_freeze", |bencher| {
        bencher.iter(|| {
            let frozen = column.freeze();
            black_box(&slots).iter().for_each(|slot| *column.get_mut(*slot) += 1);
            frozen
        });
    });
    group.finish();
}

criterion_group! {
    name = kernels;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = key_numbers, slots
}
criterion_main!(kernels);
