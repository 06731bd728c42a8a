//! A token by its weight.

use crate::{
    nucleus::Cut,
    uniform::uniform_bits,
    weights::entry,
    wide::{Loop, widest},
};

/// So many tokens are passed over together if the drawn one is not among them.
const CHUNK: usize = 512;

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
        for (tokens, weights) in self.tokens.chunks(CHUNK).zip(self.weights.chunks(CHUNK)) {
            let all = widest(Sum { tokens, weights, last: self.cut.last });
            if all <= left {
                left -= all;
                continue;
            }
            for (&token, &weight) in tokens.iter().zip(weights) {
                let weight = weight_in(weight, token, self.cut.last);
                if weight > left {
                    return token;
                }
                left -= weight;
            }
        }
        // Not reached while the total is the sum of the weights.
        self.tokens.last().copied().unwrap_or(0)
    }
}

/// What a token weighs if it is in, otherwise 0.
#[inline(always)]
fn weight_in(weight: u64, token: u32, last: u64) -> u64 {
    if entry(weight, token) >= last { weight } else { 0 }
}

/// Adds up what is in.
struct Sum<'a> {
    tokens: &'a [u32],
    weights: &'a [u64],
    last: u64,
}

impl Loop for Sum<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let mut sum = 0;
        for (&token, &weight) in self.tokens.iter().zip(self.weights) {
            sum += weight_in(weight, token, self.last);
        }
        sum
    }
}
