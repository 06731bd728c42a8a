//! A token by its weight.

use crate::{
    settings::Settings,
    uniform::uniform_bits,
    weights::{Scale, entry, last_entry, token_of},
    wide::{Loop, widest},
};

/// So many tokens are passed over together if they do not matter.
const CHUNK: usize = 512;

/// What is drawn from. Weights are computed whenever they are needed: all of them are more than a processor keeps at hand beside a
/// model, and most draws need those of a few chunks.
#[derive(Debug)]
pub(crate) struct Urn<'a> {
    logits: &'a [f32],
    scale: Scale,
    chunks: &'a [Chunk],
    /// Those are in whose [`entry`] is at least `last`; they weigh `total` ≥ 1 together.
    last: u64,
    total: u64,
}

/// The weights of a chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk {
    sum: u64,
    greatest: u64,
}

impl<'a> Urn<'a> {
    /// All with a weight above 0; tokens are named by their places among the logits, of which `greatest` is the greatest. `chunks` is
    /// memory to work in. O(logits).
    pub(crate) fn new(logits: &'a [f32], greatest: f32, temperature: f64, chunks: &'a mut Vec<Chunk>) -> Self {
        let scale = Scale::new(greatest, temperature);
        chunks.clear();
        chunks.extend(logits.chunks(CHUNK).map(|logits| widest(SumUp { logits, scale })));
        let total = chunks.iter().map(|chunk| chunk.sum).sum();
        Urn { logits, scale, chunks, last: last_entry(1), total }
    }

    /// Those of them that weigh at least `least`, of which there is one.
    pub(crate) fn from(self, least: u64) -> Self {
        let last = last_entry(least);
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
        for (mut part, chunk) in self.parts() {
            let sum = chunk.sum_from(part, last);
            if sum <= left {
                left -= sum;
                continue;
            }
            while let (first, Some(rest)) = part.halves() {
                let sum = widest(SumFrom { part: first, last });
                part = if sum <= left {
                    left -= sum;
                    rest
                } else {
                    first
                };
            }
            return part.logits.first().map_or(last, |&logit| entry(part.scale.weight(logit), part.first));
        }
        // Not reached while the place is below the sum of the weights.
        last
    }

    /// What the entries from `last` on weigh.
    fn sum(&self, last: u64) -> u64 {
        self.parts().map(|(part, chunk)| chunk.sum_from(part, last)).sum()
    }

    fn parts(&self) -> impl Iterator<Item = (Part<'_>, &Chunk)> {
        let firsts = (0..).step_by(CHUNK);
        let parts = firsts.zip(self.logits.chunks(CHUNK));
        parts.map(|(first, logits)| Part { first, logits, scale: self.scale }).zip(self.chunks)
    }
}

impl Chunk {
    /// What the entries from `last` on weigh, of the chunk's tokens.
    fn sum_from(&self, part: Part<'_>, last: u64) -> u64 {
        if last <= last_entry(1) {
            self.sum
        } else if entry(self.greatest, part.first) < last {
            0
        } else {
            widest(SumFrom { part, last })
        }
    }
}

/// Neighbouring tokens.
#[derive(Clone, Copy)]
struct Part<'a> {
    first: u32,
    logits: &'a [f32],
    scale: Scale,
}

impl Part<'_> {
    /// Two halves; no second one if there is only one token.
    fn halves(self) -> (Self, Option<Self>) {
        let (one, other) = self.logits.split_at(self.logits.len().div_ceil(2));
        let rest = Part { first: self.first + one.len() as u32, logits: other, ..self };
        (Part { logits: one, ..self }, (!other.is_empty()).then_some(rest))
    }
}

/// Adds up all weights.
struct SumUp<'a> {
    logits: &'a [f32],
    scale: Scale,
}

impl Loop for SumUp<'_> {
    type Output = Chunk;

    #[inline(always)]
    fn run(self) -> Chunk {
        let mut chunk = Chunk { sum: 0, greatest: 0 };
        for &logit in self.logits {
            let weight = self.scale.weight(logit);
            chunk.sum += weight;
            chunk.greatest = chunk.greatest.max(weight);
        }
        chunk
    }
}

/// Adds up the weights of entries from `last` on.
struct SumFrom<'a> {
    part: Part<'a>,
    last: u64,
}

impl Loop for SumFrom<'_> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let Part { first, logits, scale } = self.part;
        let mut sum = 0;
        for (token, &logit) in (first..).zip(logits) {
            let weight = scale.weight(logit);
            sum += if entry(weight, token) >= self.last { weight } else { 0 };
        }
        sum
    }
}
