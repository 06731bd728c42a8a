//! A token by its weight.

use crate::{
    settings::Settings,
    uniform::uniform_bits,
    weights::{entry, last_entry, token_of},
    wide::{Loop, widest},
};

/// So many tokens are passed over together if the drawn one is not among them.
const CHUNK: usize = 512;

/// What is drawn from: tokens in the order of their ids, and their weights.
pub(crate) struct Urn<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) weights: &'a [u64],
    /// Those are in whose [`entry`] is at least `last`; they weigh `total` ≥ 1 together.
    pub(crate) last: u64,
    pub(crate) total: u64,
}

impl Urn<'_> {
    /// Those of the tokens that weigh at least `least`, of which there is one.
    pub(crate) fn from(self, least: u64) -> Self {
        let last = last_entry(least);
        if last <= self.last {
            return self;
        }
        Urn { last, total: self.sum(last), ..self }
    }

    /// The token of a choice, among the fewest of those that are in, likeliest first, that together have the part `top_p` of the
    /// weight (Holtzman et al. 2020, "nucleus sampling"). Which these are is not found out. A token is drawn from all, and is among
    /// them if those before it do not reach that part; otherwise only those before it are left, and one of them is drawn. So each
    /// is drawn in proportion to its weight, as in the kernels of FlashInfer (2025). O(tokens) for a draw, of which there are
    /// 1 − ln `top_p` on average at most.
    pub(crate) fn draw(&self, settings: &Settings<'_>, choice: u32) -> u32 {
        let &Urn { mut last, mut total, .. } = self;
        let wanted = ((settings.top_p * total as f64).ceil() as u64).clamp(1, total);
        let mut attempt = 0;
        loop {
            let part = u128::from(uniform_bits(settings.seed, choice, settings.position, attempt));
            // Less than the total, because the part is less than 1.
            let place = ((part * u128::from(total)) >> 53) as u64;
            let drawn = self.at(place, last);
            // All that is left is as good as what is wanted, once it does not weigh more.
            let before = if total > wanted { self.sum(drawn + 1) } else { 0 };
            if before < wanted {
                return token_of(drawn);
            }
            (last, total) = (drawn + 1, before);
            attempt += 1;
        }
    }

    /// Of the entries from `last` on, added up in the order of ids, the first that brings the sum above `place`.
    fn at(&self, place: u64, last: u64) -> u64 {
        let mut left = place;
        for (tokens, weights) in self.chunks() {
            let sum = widest(Sum { tokens, weights, last });
            if sum <= left {
                left -= sum;
                continue;
            }
            for (&token, &weight) in tokens.iter().zip(weights) {
                let weighs = weight_in(weight, token, last);
                if weighs > left {
                    return entry(weight, token);
                }
                left -= weighs;
            }
        }
        // Not reached while the place is below the sum of the weights.
        last
    }

    /// What the entries from `last` on weigh.
    fn sum(&self, last: u64) -> u64 {
        widest(Sum { tokens: self.tokens, weights: self.weights, last })
    }

    fn chunks(&self) -> impl Iterator<Item = (&[u32], &[u64])> {
        self.tokens.chunks(CHUNK).zip(self.weights.chunks(CHUNK))
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
