//! What tokens are drawn by: whole numbers in proportion to their probabilities. Sums of them are the same in every order.

use std::f64::consts::LOG2_E;

use crate::{
    elementary::exp2,
    settings::VOCABULARY_MAX,
    wide::{Loop, widest},
};

/// The likeliest token has the weight 2 to this power. The weights of the widest row then sum up to 2^63 at most, and a weight
/// with a token fits into 64 bits. Tokens that are 2^43 times less likely than the likeliest have the weight 0.
pub(crate) const WEIGHT_BITS: u32 = 42;

/// The weight of the likeliest token.
pub(crate) const WEIGHT_MAX: u64 = 1 << WEIGHT_BITS;

/// Bits of a token in an [`entry`].
const TOKEN_BITS: u32 = VOCABULARY_MAX.ilog2();

/// A float of this size has a unit of 1 in the last place, so that adding it rounds to a whole number (half to even).
const ROUND: f64 = (1u64 << 52) as f64;

/// Puts the weights of logits into `weights`; their sum. `greatest` is the greatest logit; no logit is NaN. O(logits).
pub(crate) fn weigh(logits: &[f32], greatest: f32, temperature: f64, weights: &mut Vec<u64>) -> u64 {
    weights.resize(logits.len(), 0);
    // e^(x / temperature) is 2^(x · scale). A temperature next to 0 must leave 0 · scale = 0 for the likeliest.
    let scale = (LOG2_E / temperature).min(f64::MAX);
    widest(Weigh { logits, greatest: greatest.into(), scale, weights })
}

struct Weigh<'a> {
    logits: &'a [f32],
    greatest: f64,
    scale: f64,
    weights: &'a mut [u64],
}

impl Loop for Weigh<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let mut sum = 0;
        for (weight, &logit) in self.weights.iter_mut().zip(self.logits) {
            let part = exp2((f64::from(logit) - self.greatest) * self.scale);
            *weight = part.mul_add(WEIGHT_MAX as f64, ROUND).to_bits() - ROUND.to_bits();
            sum += *weight;
        }
        sum
    }
}

/// The least weight that has a part `min_p` of the likeliest token's; at least 1.
pub(crate) fn least(min_p: f64) -> u64 {
    ((min_p * WEIGHT_MAX as f64).ceil() as u64).max(1)
}

/// A weight with its token: greater if it comes earlier in the order of likelihood, in which the lower of two equals is first.
#[inline(always)]
pub(crate) fn entry(weight: u64, token: u32) -> u64 {
    weight << TOKEN_BITS | (VOCABULARY_MAX as u64 - 1 - u64::from(token))
}

/// The last entry in that order of those with at least this weight.
pub(crate) fn last_entry(weight: u64) -> u64 {
    weight << TOKEN_BITS
}

/// The token of an [`entry`].
pub(crate) fn token_of(entry: u64) -> u32 {
    let token = !entry & (VOCABULARY_MAX as u64 - 1);
    token as u32
}
