//! Tokens are drawn in proportion to their probabilities, of those that are left.

use super::random::Random;
use crate::{Outcome, Row, Sampler, Settings};

const DRAWS: u32 = 200_000;
const TOKENS: usize = 30;

/// How often each token is drawn, and the probabilities of all.
fn count(logits: &[f32], settings: &Settings<'_>) -> (Vec<f64>, Vec<f64>) {
    let mut sampler = Sampler::default();
    let (mut counts, mut probabilities) = (vec![0.0; TOKENS], vec![0.0; TOKENS]);
    for position in 0..DRAWS {
        let logprobs = (position == 0).then_some(TOKENS as u32);
        let settings = Settings { position, logprobs, ..settings.clone() };
        let row = Row { logits, prompt: &[], output: &[] };
        let Ok(Outcome::Chosen(sample)) = sampler.sample(&row, &settings) else { panic!("the row is sound") };
        counts[sample.tokens[0] as usize] += 1.0;
        sample.likeliest.iter().for_each(|scored| probabilities[scored.token as usize] = scored.logprob.exp());
    }
    (counts, probabilities)
}

#[test]
fn what_is_left_is_drawn_in_proportion() {
    let logits = Random(1).row(TOKENS, 3.0);
    for top_p in [1.0, 0.97, 0.8, 0.5, 0.2] {
        let (counts, probabilities) = count(&logits, &Settings { top_p, seed: 3, ..Settings::default() });
        let mut order: Vec<usize> = (0..TOKENS).collect();
        order.sort_by(|&one, &other| probabilities[other].total_cmp(&probabilities[one]));
        let mut sum = 0.0;
        let (left, out): (Vec<usize>, Vec<usize>) = order.into_iter().partition(|&token| {
            let before = sum;
            sum += probabilities[token];
            before < top_p
        });
        assert!(out.iter().all(|&token| counts[token] == 0.0));
        let total: f64 = left.iter().map(|&token| probabilities[token]).sum();
        let of = |token: usize| f64::from(DRAWS) * probabilities[token] / total;
        // Tokens that are hardly ever expected are counted together.
        let (rare, usual): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&token| of(token) < 10.0);
        let together = |number: &dyn Fn(usize) -> f64| rare.iter().map(|&token| number(token)).sum::<f64>();
        let mut cells: Vec<(f64, f64)> = usual.iter().map(|&token| (counts[token], of(token))).collect();
        if !rare.is_empty() {
            cells.push((together(&|token| counts[token]), together(&of)));
        }
        let found: f64 = cells.iter().map(|(count, expected)| (count - expected).powi(2) / expected).sum();
        // The normal approximation of χ², 4.5 standard deviations above its mean.
        let freedom = cells.len() as f64 - 1.0;
        assert!(found <= freedom + 4.5 * (2.0 * freedom).sqrt() + 4.5, "χ² of {freedom} at top_p {top_p} is {found}");
    }
}
