//! A token by its weight.

use crate::{uniform::uniform_bits, weights::entry};

/// What is drawn from: tokens in the order of their ids, their weights, and the last entry that is in.
pub(crate) struct Urn<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) weights: &'a [u64],
    /// Entries below it are out.
    pub(crate) last: u64,
    /// The weight of all that are in.
    pub(crate) total: u64,
}

impl Urn<'_> {
    /// The token at the part u of the weight: of those that are in, added up in the order of ids, the first that brings the sum
    /// above u · total. O(tokens).
    pub(crate) fn draw(&self, seed: u64, choice: u32, position: u32) -> u32 {
        let part = u128::from(uniform_bits(seed, choice, position));
        // Less than the total, because u is less than 1.
        let mut left = ((part * u128::from(self.total)) >> 53) as u64;
        for (&weight, &token) in self.weights.iter().zip(self.tokens) {
            let weight = if entry(weight, token) >= self.last { weight } else { 0 };
            if weight > left {
                return token;
            }
            left -= weight;
        }
        // Not reached while the total is the sum of the weights.
        self.tokens.last().copied().unwrap_or(0)
    }
}
