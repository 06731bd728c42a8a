//! The way from a row to its tokens.

use headrace_core::Result;

use crate::{
    adjust::Adjust,
    draw::{Chunk, Urn},
    logprobs::{Distribution, Scored},
    rank::select,
    row::{Row, Unusable, likeliest, token_of},
    settings::Settings,
    weights::least,
};

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome<'a> {
    /// Tokens were chosen.
    Chosen(Sample<'a>),
    /// There was nothing to choose from.
    Unusable(Unusable),
}

/// What was chosen from a row; it lies in the sampler until that is used again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// A token for each choice.
    pub tokens: &'a [u32],
    /// The logarithm of each one's probability, if wanted.
    pub logprobs: &'a [f64],
    /// The likeliest tokens, likeliest first, if wanted.
    pub likeliest: &'a [Scored],
}

/// Chooses tokens, and owns the memory that it takes: up to 32 bytes a token of the vocabulary.
#[derive(Debug, Default)]
pub struct Sampler {
    adjust: Adjust,
    narrowed: Narrowed,
    chunks: Vec<Chunk>,
    /// Memory to select in.
    keys: Vec<u64>,
    tokens: Vec<u32>,
    logprobs: Vec<f64>,
    likeliest: Vec<Scored>,
}

/// The tokens that `top_k` leaves, in the order of their ids.
#[derive(Debug, Default)]
struct Narrowed {
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

impl Sampler {
    /// Chooses the tokens of a row. The error is `HR_OPTION_INVALID`, for settings out of range and tokens that the row does not
    /// have. O(row + prompt + answer) expected, and a few more passes over the row for each choice.
    pub fn sample(&mut self, row: &Row<'_>, settings: &Settings<'_>) -> Result<Outcome<'_>> {
        row.check()?;
        settings.check(row.logits.len())?;
        self.tokens.clear();
        self.logprobs.clear();
        self.likeliest.clear();
        Ok(match self.fill(row, settings) {
            Err(unusable) => Outcome::Unusable(unusable),
            Ok(()) => {
                Outcome::Chosen(Sample { tokens: &self.tokens, logprobs: &self.logprobs, likeliest: &self.likeliest })
            }
        })
    }

    fn fill(&mut self, row: &Row<'_>, settings: &Settings<'_>) -> std::result::Result<(), Unusable> {
        let (mut token, greatest) = likeliest(row.logits)?;
        // Taken out, because what is adjusted lies in it while the rest of the sampler works.
        let mut adjust = std::mem::take(&mut self.adjust);
        let chosen = match adjust.apply(row, settings) {
            None => Ok((row.logits, greatest)),
            Some(logits) => likeliest(logits).map(|(likeliest, greatest)| {
                token = likeliest;
                (logits, greatest)
            }),
        };
        let chosen = chosen.map(|(logits, greatest)| match settings.temperature {
            0.0 => self.tokens.resize(settings.choices as usize, token),
            _ => self.draw(logits, greatest, settings),
        });
        self.adjust = adjust;
        chosen?;
        if let Some(count) = settings.logprobs {
            let distribution = Distribution::new(row.logits, greatest);
            self.logprobs.extend(self.tokens.iter().map(|&token| distribution.logprob(token)));
            distribution.likeliest(count, &mut self.keys, &mut self.likeliest);
        }
        Ok(())
    }

    /// Draws the choices from the logits, whose greatest is `greatest`.
    fn draw(&mut self, logits: &[f32], greatest: f32, settings: &Settings<'_>) {
        let top_k = settings.top_k as usize;
        let narrowed = top_k > 0 && top_k < logits.len();
        if narrowed {
            select(logits, top_k, &mut self.keys);
            self.narrowed.take(&self.keys, logits);
        }
        let logits = if narrowed { &self.narrowed.logits } else { logits };
        // What `min_p` leaves comes first in the order of likelihood, and so does what `top_k` leaves: whichever is less
        // is left by both.
        let urn = Urn::new(logits, greatest, settings.temperature, &mut self.chunks).from(least(settings.min_p));
        let choices = settings.choice..settings.choice + settings.choices;
        self.tokens.extend(choices.map(|choice| urn.draw(settings, choice)));
        if narrowed {
            self.tokens.iter_mut().for_each(|token| *token = self.narrowed.tokens[*token as usize]);
        }
    }
}

impl Narrowed {
    fn take(&mut self, keys: &[u64], logits: &[f32]) {
        self.tokens.clear();
        self.tokens.extend(keys.iter().map(|&key| token_of(key)));
        self.tokens.sort_unstable();
        self.logits.clear();
        self.logits.extend(self.tokens.iter().map(|&token| logits[token as usize]));
    }
}
