//! What a row of SmolLM2's 49,152 tokens costs, beside a plain sort of it.
//!
//! `cargo bench -p headrace-sample`; times are per row.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use headrace_sample::{Row, Sampler, Settings};

const VOCABULARY: usize = 49_152;

/// A heap in the middle, and a few tokens far above it.
fn logits() -> Vec<f32> {
    let mut state = 1u32;
    let mut part = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut logit = |token: usize| {
        let heap = 10.0 * (part() + part() + part() + part() - 2.0);
        heap + if token % 1000 == 17 { 10.0 * part() } else { 0.0 }
    };
    (0..VOCABULARY).map(&mut logit).collect()
}

fn rows(criterion: &mut Criterion) {
    let logits = logits();
    let prompt: Vec<u32> = (0..500).map(|at| at * 91).collect();
    let output: Vec<u32> = (0..100).map(|at| at * 477).collect();
    let row = Row { logits: &logits, prompt: &prompt, output: &output };
    let plain = Settings::default();
    let settings = [
        ("greedy", Settings { temperature: 0.0, ..plain.clone() }),
        ("temperature", plain.clone()),
        ("temperature, 8 choices", Settings { choices: 8, ..plain.clone() }),
        ("top_k 50", Settings { top_k: 50, ..plain.clone() }),
        ("top_p 0.95", Settings { top_p: 0.95, ..plain.clone() }),
        ("top_p 0.95, flat", Settings { top_p: 0.95, temperature: 20.0, ..plain.clone() }),
        ("min_p 0.05", Settings { min_p: 0.05, ..plain.clone() }),
        ("logprobs 5", Settings { temperature: 0.0, logprobs: Some(5), ..plain.clone() }),
        (
            "all",
            Settings {
                temperature: 0.8,
                top_p: 0.95,
                min_p: 0.01,
                repetition_penalty: 1.1,
                presence_penalty: 0.1,
                frequency_penalty: 0.1,
                biased: &[5],
                biases: &[1.0],
                banned: &[2],
                logprobs: Some(5),
                ..plain
            },
        ),
    ];
    let mut group = criterion.benchmark_group("row");
    let mut sampler = Sampler::default();
    for (name, settings) in settings {
        group.bench_function(name, |bencher| {
            let mut position = 0;
            bencher.iter(|| {
                position += 1;
                let settings = Settings { position, ..settings.clone() };
                sampler.sample(black_box(&row), &settings).map(|outcome| black_box(outcome) == black_box(outcome))
            });
        });
    }
    group.bench_function("plain sort, for comparison", |bencher| {
        bencher.iter(|| {
            let mut tokens: Vec<u32> = (0..VOCABULARY as u32).collect();
            tokens.sort_unstable_by(|&one, &other| {
                logits[other as usize].total_cmp(&logits[one as usize]).then(one.cmp(&other))
            });
            tokens
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = rows
}
criterion_main!(benches);
