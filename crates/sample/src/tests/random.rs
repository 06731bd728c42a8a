//! Random cases that come back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.word() % limit as u64) as usize
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// From 0 to below 1; exact on every platform.
    pub(super) fn part(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A row that looks like a model's: a heap in the middle and a few tokens far above it.
    pub(super) fn row(&mut self, vocabulary: usize, scale: f64) -> Vec<f32> {
        let logit = |random: &mut Self| {
            let heap = (0..4).map(|_| random.part() - 0.5).sum::<f64>();
            let far = if random.one_in(50) { 3.0 * random.part() } else { 0.0 };
            (scale * (heap + far)) as f32
        };
        (0..vocabulary).map(|_| logit(self)).collect()
    }

    pub(super) fn tokens(&mut self, count: usize, vocabulary: usize) -> Vec<u32> {
        (0..count).map(|_| self.below(vocabulary) as u32).collect()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Tries the seed that `HEADRACE_SEED` names, or as many as `HEADRACE_RUNS` says, or `runs`. One that fails is printed with the
/// command that replays it.
pub(super) fn for_seeds(runs: u64, test: &str, mut case: impl FnMut(Random)) {
    let seed = number("HEADRACE_SEED");
    let runs = number("HEADRACE_RUNS").unwrap_or(if seed.is_some() { 1 } else { runs });
    for seed in (seed.unwrap_or(0)..).take(runs as usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(Random(seed)))) {
            println!("replay with: HEADRACE_SEED={seed} cargo test --release -p headrace-sample {test}");
            resume_unwind(panic);
        }
    }
}
