//! Logarithms of probabilities, of the row as the model computed it.

use std::f64::consts::LOG2_E;

use crate::{
    elementary::{exp2, ln},
    rank::select,
    row::token_of,
    wide::{Loop, widest},
};

/// Partial sums: column c has the tokens whose ids leave c when divided by it, in their order. So the order is fixed, and several
/// are added at a time.
const COLUMNS: usize = 8;

/// A token with the natural logarithm of its probability; −∞ if that is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The token.
    pub token: u32,
    /// The logarithm.
    pub logprob: f64,
}

/// The distribution of a row.
pub(crate) struct Distribution<'a> {
    logits: &'a [f32],
    greatest: f64,
    /// The logarithm of Σ e^(logit − greatest).
    log_sum: f64,
}

impl<'a> Distribution<'a> {
    /// `greatest` is the greatest logit; no logit is NaN. O(logits).
    pub(crate) fn new(logits: &'a [f32], greatest: f32) -> Self {
        let greatest = f64::from(greatest);
        let [a, b, c, d, e, f, g, h] = widest(Columns { logits, greatest });
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
        Distribution { logits, greatest, log_sum: ln(sum) }
    }

    /// The logarithm of a token's probability.
    pub(crate) fn logprob(&self, token: u32) -> f64 {
        (f64::from(self.logits[token as usize]) - self.greatest) - self.log_sum
    }

    /// The `count` likeliest tokens, or all, likeliest first, of equals the lowest id. O(logits + count · log count).
    pub(crate) fn likeliest(&self, count: u32, keys: &mut Vec<u64>, scored: &mut Vec<Scored>) {
        select(self.logits, (count as usize).min(self.logits.len()), keys);
        keys.sort_unstable_by(|one, other| other.cmp(one));
        let score = |&key: &u64| Scored { token: token_of(key), logprob: self.logprob(token_of(key)) };
        scored.extend(keys.iter().map(score));
    }
}

/// Sums up e^(logit − greatest) by columns.
struct Columns<'a> {
    logits: &'a [f32],
    greatest: f64,
}

impl Loop for Columns<'_> {
    type Output = [f64; COLUMNS];

    #[inline(always)]
    fn run(self) -> [f64; COLUMNS] {
        let mut sums = [0.0; COLUMNS];
        let (chunks, rest) = self.logits.as_chunks::<COLUMNS>();
        for chunk in chunks {
            for column in 0..COLUMNS {
                sums[column] += exp2((f64::from(chunk[column]) - self.greatest) * LOG2_E);
            }
        }
        for (sum, &logit) in sums.iter_mut().zip(rest) {
            *sum += exp2((f64::from(logit) - self.greatest) * LOG2_E);
        }
        sums
    }
}
