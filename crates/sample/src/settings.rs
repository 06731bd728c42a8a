//! What is asked of a row.

use headrace_core::{Code, Error, Result};

/// The widest row.
pub const VOCABULARY_MAX: usize = 1 << 21;

/// The most choices that are drawn from one row.
pub const CHOICES_MAX: u32 = 1 << 16;

/// How tokens are chosen from one row. The default draws one token as the model has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings<'a> {
    /// 0 takes the likeliest token; otherwise logits are divided by it. From 0.
    pub temperature: f64,
    /// So many of the likeliest tokens are left; 0 for all.
    pub top_k: u32,
    /// The likeliest tokens that together have this probability are left. Above 0, up to 1.
    pub top_p: f64,
    /// Tokens with at least this part of the likeliest one's probability are left. 0 to 1.
    pub min_p: f64,
    /// Logits of tokens in prompt or answer are divided by it where they are positive, and multiplied elsewhere. Above 0.
    pub repetition_penalty: f64,
    /// Taken from the logits of tokens in the answer.
    pub presence_penalty: f64,
    /// Taken from the logits of tokens in the answer, for each time that they occur there.
    pub frequency_penalty: f64,
    /// Tokens whose logits get the bias at the same place of `biases`; one that is named twice gets both.
    pub biased: &'a [u32],
    /// Finite numbers.
    pub biases: &'a [f64],
    /// Tokens that cannot be chosen.
    pub banned: &'a [u32],
    /// Rows with equal seeds, choices and positions are drawn with equal numbers.
    pub seed: u64,
    /// The first choice to draw.
    pub choice: u32,
    /// How many are drawn, 1 to [`CHOICES_MAX`].
    pub choices: u32,
    /// The place of the token in the answer.
    pub position: u32,
    /// Whether logarithms of probabilities are wanted, and of how many of the likeliest tokens besides the chosen.
    pub logprobs: Option<u32>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Settings {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            biased: &[],
            biases: &[],
            banned: &[],
            seed: 0,
            choice: 0,
            choices: 1,
            position: 0,
            logprobs: None,
        }
    }
}

impl Settings<'_> {
    /// Refuses what is out of range for a row of so many tokens. O(biases + banned tokens).
    pub(crate) fn check(&self, vocabulary: usize) -> Result<()> {
        let numbers = [
            ("temperature", self.temperature, self.temperature >= 0.0),
            ("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0),
            ("min_p", self.min_p, (0.0..=1.0).contains(&self.min_p)),
            ("repetition_penalty", self.repetition_penalty, self.repetition_penalty > 0.0),
            ("presence_penalty", self.presence_penalty, true),
            ("frequency_penalty", self.frequency_penalty, true),
        ];
        for (name, value, inside) in numbers {
            if !(inside && value.is_finite()) {
                return Err(invalid(format!("{name} is {value}, which is out of its range")));
            }
        }
        if !(1..=CHOICES_MAX).contains(&self.choices) || self.choice.checked_add(self.choices).is_none() {
            return Err(invalid(format!("{} choices from choice {} on cannot be drawn", self.choices, self.choice)));
        }
        if self.biased.len() != self.biases.len() {
            return Err(invalid(format!("{} tokens have {} biases", self.biased.len(), self.biases.len())));
        }
        if let Some(bias) = self.biases.iter().find(|bias| !bias.is_finite()) {
            return Err(invalid(format!("a bias is {bias}, which is out of its range")));
        }
        known("biased", self.biased, vocabulary)?;
        known("banned", self.banned, vocabulary)
    }
}

/// Refuses tokens that the vocabulary does not have.
pub(crate) fn known(what: &str, tokens: &[u32], vocabulary: usize) -> Result<()> {
    match tokens.iter().find(|&&token| token as usize >= vocabulary) {
        Some(token) => Err(invalid(format!("a {what} token is {token}, and there are {vocabulary}"))),
        None => Ok(()),
    }
}

pub(crate) fn invalid(message: String) -> Error {
    Error::new(Code::OptionInvalid, message)
}
