//! What tokens are drawn by: whole numbers in proportion to their probabilities. Sums of them are the same in every order.

use std::f64::consts::LOG2_E;

use crate::{elementary::exp2, settings::VOCABULARY_MAX};

/// The likeliest token has the weight 2 to this power. The weights of the widest row then sum up to 2^63 at most, and a weight
/// with a token fits into 64 bits. Tokens that are 2^43 times less likely than the likeliest have the weight 0.
const WEIGHT_BITS: u32 = 42;

/// The weight of the likeliest token.
const WEIGHT_MAX: u64 = 1 << WEIGHT_BITS;

/// Bits of a token in an [`entry`].
const TOKEN_BITS: u32 = VOCABULARY_MAX.ilog2();

/// A float of this size has a unit of 1 in the last place, so that adding it rounds to a whole number (half to even).
const ROUND: f64 = (1u64 << 52) as f64;

/// From logits to weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    greatest: f64,
    factor: f64,
}

impl Scale {
    /// For logits of which `greatest` is the greatest.
    pub(crate) fn new(greatest: f32, temperature: f64) -> Self {
        // e^(x / temperature) is 2^(x · factor). A temperature next to 0 must leave 0 · factor = 0 for the likeliest.
        Scale { greatest: greatest.into(), factor: (LOG2_E / temperature).min(f64::MAX) }
    }

    /// What a token with this logit, which is not NaN, weighs.
    #[inline(always)]
    pub(crate) fn weight(self, logit: f32) -> u64 {
        let part = exp2((f64::from(logit) - self.greatest) * self.factor);
        part.mul_add(WEIGHT_MAX as f64, ROUND).to_bits() - ROUND.to_bits()
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
