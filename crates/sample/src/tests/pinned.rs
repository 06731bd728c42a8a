//! Bits that must never change: seeds of users, and answers that are computed again after a crash, depend on them.

use super::random::Random;
use crate::{Outcome, Row, Sampler, Settings};

/// FNV-1a over words.
fn digest(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn bits_never_change() {
    let mut random = Random(42);
    let mut sampler = Sampler::default();
    let (mut tokens, mut logprobs) = (Vec::new(), Vec::new());
    for position in 0..200 {
        let row = random.row(5000, 12.0);
        let [prompt, output] = [random.tokens(30, 5000), random.tokens(position as usize, 5000)];
        let settings = Settings {
            temperature: [0.0, 0.7, 1.0, 1.7][position as usize % 4],
            top_k: random.pick(&[0, 40, 4000]),
            top_p: random.pick(&[1.0, 0.95]),
            min_p: random.pick(&[0.0, 0.02]),
            repetition_penalty: random.pick(&[1.0, 1.1]),
            frequency_penalty: random.pick(&[0.0, 0.3]),
            seed: random.word(),
            choices: 3,
            position,
            logprobs: Some(3),
            ..Settings::default()
        };
        let row = Row { logits: &row, prompt: &prompt, output: &output };
        let Ok(Outcome::Chosen(sample)) = sampler.sample(&row, &settings) else { panic!("the row is sound") };
        tokens.extend(sample.tokens.iter().map(|&token| u64::from(token)));
        logprobs.extend(sample.logprobs.iter().map(|logprob| logprob.to_bits()));
        logprobs.extend(sample.likeliest.iter().flat_map(|scored| [scored.token.into(), scored.logprob.to_bits()]));
    }
    assert_eq!(format!("{:016x}", digest(tokens.into_iter())), "bc3f6d63e7103a97");
    assert_eq!(format!("{:016x}", digest(logprobs.into_iter())), "26bfc18ea68a5e1a");
}
