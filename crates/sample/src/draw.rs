//! A token by its weight.

use crate::{nucleus::Cut, uniform::uniform_bits, weights::entry};

/// What is drawn from: tokens in the order of their ids, and their weights.
pub(crate) struct Urn<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) weights: &'a [u64],
    /// What is in.
    pub(crate) cut: Cut,
}

impl Urn<'_> {
    /// The token at the part u of the weight: of those that are in, added up in the order of ids, the first that brings the sum
    /// above u · total. O(tokens).
    pub(crate) fn draw(&self, seed: u64, choice: u32, position: u32) -> u32 {
        let part = u128::from(uniform_bits(seed, choice, position));
        // Less than the total, because u is less than 1.
        let mut left = ((part * u128::from(self.cut.total)) >> 53) as u64;
        for (&weight, &token) in self.weights.iter().zip(self.tokens) {
            let weight = if entry(weight, token) >= self.cut.last { weight } else { 0 };
            if weight > left {
                return token;
            }
            left -= weight;
        }
        // Not reached while the total is the sum of the weights.
        self.tokens.last().copied().unwrap_or(0)
    }
}
