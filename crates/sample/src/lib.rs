//! Sampling: from a row of logits to tokens, and to the logarithms of their probabilities.
//!
//! A [`Sampler`] takes one [`Row`] and its [`Settings`] at a time, in this order:
//!
//! 1. banned tokens get −∞, biases are added, and tokens of the prompt and the answer are penalised;
//! 2. temperature 0 takes the likeliest token, and of equals the one with the lowest id;
//! 3. otherwise logits are divided by the temperature, and a token stays if it has a part `min_p` of the likeliest one's
//!    probability, is among the `top_k` likeliest of those, and among the fewest that together have the part `top_p` of
//!    what is left (in the order of likelihood; of equals the lowest id comes first);
//! 4. each choice is drawn with numbers that depend on seed, choice and position alone ([`uniform`]).
//!
//! Logarithms of probabilities are those of the row as the model computed it, before all that.
//!
//! **The same bits.** Equal calls have equal results, whatever was sampled before and on every platform: the weights by which
//! tokens are drawn are whole numbers, so that their sums are the same in every order; floating-point sums have a fixed order;
//! and powers and logarithms are our own ([`exp2`], [`ln`]), of operations that are rounded correctly.
//!
//! **Cost.** O(vocabulary + tokens of prompt and answer) expected, in memory that is used again. Nothing is sorted but the
//! tokens that `top_k` leaves and those that logarithms are given of.
//!
//! ```
//! use headrace_sample::{Outcome, Row, Sampler, Settings};
//!
//! let row = Row { logits: &[1.0, 3.0, 2.0], prompt: &[], output: &[] };
//! let settings = Settings { temperature: 0.0, logprobs: Some(2), ..Settings::default() };
//! let mut sampler = Sampler::default();
//! let Outcome::Chosen(sample) = sampler.sample(&row, &settings)? else { panic!("the row is sound") };
//! assert_eq!(sample.tokens, [1]);
//! assert_eq!(sample.likeliest.iter().map(|scored| scored.token).collect::<Vec<_>>(), [1, 2]);
//! assert!((sample.logprobs[0].exp() - 0.6652).abs() < 1e-4);
//! # Ok::<(), headrace_core::Error>(())
//! ```

mod adjust;
mod draw;
mod elementary;
mod logprobs;
mod rank;
mod row;
mod sampler;
mod settings;
#[cfg(test)]
mod tests;
mod uniform;
mod weights;
mod wide;

pub use elementary::{exp2, ln};
pub use logprobs::Scored;
pub use row::{Row, Unusable};
pub use sampler::{Outcome, Sample, Sampler};
pub use settings::{CHOICES_MAX, Settings, VOCABULARY_MAX};
pub use uniform::uniform;
