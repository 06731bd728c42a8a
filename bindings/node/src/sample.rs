//! Sampling. The rows of a run cross in one call; what comes back is copied into memory of JavaScript's own.

use headrace_core::{Error, Result};
use headrace_sample::{Outcome, Row, Sample, Sampler, Settings, Unusable};
use napi::{Env, bindgen_prelude::Float64ArraySlice};
use napi_derive::napi;

use crate::error::Raise;

/// Numbers of a row in `numbers`, and
const NUMBERS: usize = 6;
/// whole ones in `words`.
const WORDS: usize = 8;

/// A sampler; see `BindingSampler` in `ts/binding.ts`.
#[napi]
#[derive(Default)]
pub struct BindingSampler(Sampler);

#[napi]
impl BindingSampler {
    /// A sampler without memory, which it takes when it is used.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        BindingSampler::default()
    }

    /// Chooses the tokens of rows.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "one crossing for a run")]
    pub fn sample<'env>(
        &mut self,
        env: &'env Env,
        logits: &[f32],
        vocabulary: u32,
        numbers: &[f64],
        words: &[u32],
        biased: Vec<&[u32]>,
        biases: Vec<&[f64]>,
        banned: Vec<&[u32]>,
        prompts: Vec<&[u32]>,
        outputs: Vec<&[u32]>,
    ) -> napi::Result<Float64ArraySlice<'env>> {
        let rows = Rows { logits, vocabulary, numbers, words, biased, biases, banned, prompts, outputs };
        let mut results = Vec::new();
        for at in 0..rows.count().raise()? {
            let (row, settings) = rows.get(at).raise()?;
            match self.0.sample(&row, &settings).raise()? {
                Outcome::Chosen(sample) => append(&sample, &mut results),
                Outcome::Unusable(Unusable::NotFinite) => results.push(1.0),
                Outcome::Unusable(Unusable::NothingLeft) => results.push(2.0),
            }
        }
        Float64ArraySlice::copy_from(env, results)
    }
}

/// Rows as they cross.
struct Rows<'a> {
    logits: &'a [f32],
    vocabulary: u32,
    numbers: &'a [f64],
    words: &'a [u32],
    biased: Vec<&'a [u32]>,
    biases: Vec<&'a [f64]>,
    banned: Vec<&'a [u32]>,
    prompts: Vec<&'a [u32]>,
    outputs: Vec<&'a [u32]>,
}

impl<'a> Rows<'a> {
    /// How many they are, if all arguments agree about it.
    fn count(&self) -> Result<usize> {
        let count = self.prompts.len();
        let lists = [self.biased.len(), self.biases.len(), self.banned.len(), self.outputs.len()];
        let whole = self.numbers.len() == count * NUMBERS && self.words.len() == count * WORDS;
        if whole && lists.iter().all(|&list| list == count) {
            return Ok(count);
        }
        Err(Error::internal("the arguments are about different numbers of rows"))
    }

    fn get(&self, at: usize) -> Result<(Row<'a>, Settings<'a>)> {
        let numbers = self.numbers.as_chunks::<NUMBERS>().0.get(at);
        let words = self.words.as_chunks::<WORDS>().0.get(at);
        let (Some(&numbers), Some(&words)) = (numbers, words) else {
            return Err(Error::internal(format!("there is no row {at}")));
        };
        let [temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty] = numbers;
        let [row, top_k, choice, choices, position, scored, seed_low, seed_high] = words;
        let width = self.vocabulary as usize;
        let place = (row as usize).checked_mul(width).and_then(|from| Some(from..from.checked_add(width)?));
        let Some(logits) = place.and_then(|place| self.logits.get(place)) else {
            return Err(Error::internal(format!("row {row} of {width} logits lies outside of them")));
        };
        let row = Row { logits, prompt: self.prompts[at], output: self.outputs[at] };
        let settings = Settings {
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            biased: self.biased[at],
            biases: self.biases[at],
            banned: self.banned[at],
            seed: u64::from(seed_high) << 32 | u64::from(seed_low),
            choice,
            choices,
            position,
            logprobs: scored.checked_sub(1),
        };
        Ok((row, settings))
    }
}

fn append(sample: &Sample<'_>, results: &mut Vec<f64>) {
    results.push(0.0);
    results.extend(sample.tokens.iter().map(|&token| f64::from(token)));
    if sample.logprobs.is_empty() {
        return;
    }
    results.extend(sample.logprobs);
    results.push(sample.likeliest.len() as f64);
    results.extend(sample.likeliest.iter().flat_map(|scored| [f64::from(scored.token), scored.logprob]));
}
