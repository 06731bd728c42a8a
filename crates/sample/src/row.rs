//! A row of logits, and the order of its tokens.

use headrace_core::Result;

use crate::{
    settings::{VOCABULARY_MAX, invalid, known},
    wide::{Loop, widest},
};

/// What a token is chosen from.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// By token.
    pub logits: &'a [f32],
    /// The tokens of the prompt, and
    pub prompt: &'a [u32],
    /// those of the answer so far; both are used by penalties only.
    pub output: &'a [u32],
}

/// Why no token can be chosen from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// A logit is NaN or +∞.
    NotFinite,
    /// No token has a probability above 0.
    NothingLeft,
}

impl Row<'_> {
    /// Refuses a row without tokens or with too many, and tokens that it does not have.
    pub(crate) fn check(&self) -> Result<()> {
        let vocabulary = self.logits.len();
        if vocabulary == 0 || vocabulary > VOCABULARY_MAX {
            return Err(invalid(format!("a row of {vocabulary} tokens cannot be sampled; 1 to {VOCABULARY_MAX} can")));
        }
        known("prompt's", self.prompt, vocabulary)?;
        known("answer's", self.output, vocabulary)
    }
}

/// A number that is greater for greater logits; both zeros are equal, and NaN is outside of the infinities.
#[inline(always)]
pub(crate) fn rank(logit: f32) -> i32 {
    let bits = (logit + 0.0).to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// A number that is greater for likelier tokens; of equal ones the lower id is the likelier.
pub(crate) fn key(logit: f32, token: u32) -> u64 {
    let rank = rank(logit) as u32 ^ 1 << 31;
    u64::from(rank) << 32 | u64::from(!token)
}

/// The [`rank`] of a [`key`].
pub(crate) fn rank_of(key: u64) -> i32 {
    ((key >> 32) as u32 ^ 1 << 31) as i32
}

/// The token of a [`key`].
pub(crate) fn token_of(key: u64) -> u32 {
    !(key as u32)
}

/// Logits that are looked through before it is noted where the greatest was.
const CHUNK: usize = 1024;

/// The likeliest token and its logit. O(tokens).
pub(crate) fn likeliest(logits: &[f32]) -> std::result::Result<(u32, f32), Unusable> {
    let nothing = rank(f32::NEG_INFINITY);
    let (mut from, mut greatest) = (0, nothing);
    for (at, chunk) in logits.chunks(CHUNK).enumerate() {
        let ends = ends(chunk);
        if ends.greatest >= rank(f32::INFINITY) || ends.least < nothing {
            return Err(Unusable::NotFinite);
        }
        if ends.greatest > greatest {
            (from, greatest) = (at * CHUNK, ends.greatest);
        }
    }
    match logits.iter().skip(from).position(|&logit| rank(logit) == greatest) {
        Some(at) if greatest > nothing => Ok(((from + at) as u32, logits[from + at])),
        _ => Err(Unusable::NothingLeft),
    }
}

/// The least and the greatest [`rank`].
pub(crate) struct Ends {
    pub(crate) least: i32,
    pub(crate) greatest: i32,
}

/// The ends of logits. O(logits).
pub(crate) fn ends(logits: &[f32]) -> Ends {
    widest(FindEnds(logits))
}

struct FindEnds<'a>(&'a [f32]);

impl Loop for FindEnds<'_> {
    type Output = Ends;

    #[inline(always)]
    fn run(self) -> Ends {
        let mut ends = Ends { least: i32::MAX, greatest: i32::MIN };
        for &logit in self.0 {
            let rank = rank(logit);
            ends.least = ends.least.min(rank);
            ends.greatest = ends.greatest.max(rank);
        }
        ends
    }
}
