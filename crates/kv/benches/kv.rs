//! What the bookkeeping costs a run of the model.
//!
//! `cargo bench -p headrace-kv`; times are per block of 16 tokens, or per row of a decoding run.

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use headrace_kv::{BlockManager, Options, Reservation, Reserved};

const BLOCK_TOKENS: u32 = 16;
/// Blocks of a prompt, besides the token that is always computed.
const PROMPT: u32 = 32;
/// Tokens that a sequence decodes before it begins anew.
const DECODED: u32 = 4095;

fn manager(blocks: u32) -> BlockManager {
    let options = Options { blocks, block_tokens: BLOCK_TOKENS, sequences: 512, watermark: 0, prefix_cache: true };
    BlockManager::new(options).expect("the options are in range")
}

fn prompt(seed: u32) -> Vec<u32> {
    (0..=PROMPT * BLOCK_TOKENS).map(|at| at.wrapping_mul(0x9e37_79b9) ^ seed).collect()
}

fn reserve(manager: &mut BlockManager, sequences: &[u32], counts: &[u32]) -> Reservation {
    match manager.reserve(sequences, counts).expect("the sequences are open") {
        Reserved::Run(run) => run,
        Reserved::Short(missing) => panic!("{missing} blocks are missing"),
    }
}

fn prefill(manager: &mut BlockManager, tokens: &[u32], more: u32) -> u32 {
    let sequence = manager.open(tokens, tokens.len() as u32 + more, [0; 32]).expect("it fits");
    let run = reserve(manager, &[sequence], &[tokens.len() as u32]);
    manager.commit(run.run, &run.counts, &[1], &[7]).expect("the run is open");
    sequence
}

/// A prompt from its opening to its closing: in free blocks, in blocks whose content is evicted, and found.
fn prompts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prompt");
    group.throughput(Throughput::Elements(PROMPT.into()));
    for (name, blocks, prefix_cache) in [("new", 1 << 16, false), ("new_evicting", 64, true)] {
        let mut manager = manager(blocks);
        if !prefix_cache {
            manager = BlockManager::new(Options { prefix_cache, ..manager.options() }).expect("as before");
        }
        let mut seed = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                seed += 1;
                let sequence = prefill(&mut manager, &prompt(seed), 1);
                manager.close(&[sequence])
            });
        });
    }
    let mut manager = manager(1 << 12);
    let known = prompt(0);
    group.bench_function("found", |bencher| {
        bencher.iter(|| {
            let sequence = prefill(&mut manager, black_box(&known), 1);
            manager.close(&[sequence])
        });
    });
    group.finish();
}

/// A run reserved and rolled back: 33 blocks are taken, and all their contents come back.
fn rollback(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rollback");
    group.throughput(Throughput::Elements(PROMPT.into()));
    let mut manager = manager(64);
    for seed in 1..3 {
        let sequence = prefill(&mut manager, &prompt(seed), 1);
        manager.close(&[sequence]).expect("it is open");
    }
    let tokens = prompt(9);
    let sequence = manager.open(&tokens, tokens.len() as u32, [0; 32]).expect("it fits");
    group.bench_function("evicting", |bencher| {
        bencher.iter(|| {
            let run = reserve(&mut manager, &[sequence], &[tokens.len() as u32]);
            manager.roll_back(run.run, false)
        });
    });
    group.finish();
}

/// One token in each of many sequences, every sixteenth time with a new block; and what waiting requests are asked.
fn rows(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    for rows in [8, 64, 256] {
        group.throughput(Throughput::Elements(u64::from(rows)));
        let mut manager = manager(1 << 17);
        let mut sequences: Vec<u32> = (0..rows).map(|seed| prefill(&mut manager, &prompt(seed), DECODED + 1)).collect();
        let (ones, sevens) = (vec![1; rows as usize], vec![7; rows as usize]);
        let mut left = DECODED;
        group.bench_function(BenchmarkId::new("decode", rows), |bencher| {
            bencher.iter(|| {
                if left == 0 {
                    manager.close(&sequences).expect("they are open");
                    sequences = (0..rows).map(|seed| prefill(&mut manager, &prompt(seed), DECODED + 1)).collect();
                    left = DECODED;
                }
                left -= 1;
                let run = reserve(&mut manager, &sequences, &ones);
                manager.commit(run.run, &run.counts, &ones, &sevens)
            });
        });
        let waiting: Vec<u32> =
            (0..rows).map(|seed| manager.open(&prompt(seed), 1024, [0; 32]).expect("it fits")).collect();
        group.bench_function(BenchmarkId::new("probe", rows), |bencher| {
            bencher.iter(|| manager.probe(black_box(&waiting)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = prompts, rollback, rows
}
criterion_main!(benches);
