//! The sampler as its definition reads, with sorted lists and sets, and the platform's exponential and logarithm.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Row, Settings, Unusable, uniform};

pub(super) struct Expected {
    pub(super) tokens: Vec<u32>,
    pub(super) logprobs: Vec<f64>,
    pub(super) likeliest: Vec<(u32, f64)>,
    /// How many tokens could have been drawn.
    pub(super) left: usize,
}

pub(super) fn sample(row: &Row<'_>, settings: &Settings<'_>) -> Result<Expected, Unusable> {
    let unusable = |logits: &[f32]| {
        if logits.iter().any(|logit| logit.is_nan() || *logit == f32::INFINITY) {
            Some(Unusable::NotFinite)
        } else if logits.iter().all(|logit| *logit == f32::NEG_INFINITY) {
            Some(Unusable::NothingLeft)
        } else {
            None
        }
    };
    let logits = adjusted(row, settings);
    if let Some(why) = unusable(row.logits).or(unusable(&logits)) {
        return Err(why);
    }
    let ranked = ranked(&logits);
    let choices = settings.choice..settings.choice + settings.choices;
    let (tokens, left): (Vec<u32>, usize) = if settings.temperature == 0.0 {
        (choices.map(|_| ranked[0]).collect(), 1)
    } else {
        let (entries, nucleus) = left(&ranked, &logits, settings);
        let number = |choice, attempt| uniform(settings.seed, choice, settings.position, attempt);
        (choices.map(|choice| drawn(&entries, nucleus, |attempt| number(choice, attempt))).collect(), nucleus)
    };
    let Some(count) = settings.logprobs else {
        return Ok(Expected { tokens, logprobs: Vec::new(), likeliest: Vec::new(), left });
    };
    let raw: Vec<f64> = row.logits.iter().map(|&logit| f64::from(logit)).collect();
    let greatest = raw.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = raw.iter().map(|logit| (logit - greatest).exp()).sum::<f64>().ln();
    let logprob = |token: u32| raw[token as usize] - greatest - log_sum;
    let likeliest = self::ranked(row.logits);
    Ok(Expected {
        logprobs: tokens.iter().map(|&token| logprob(token)).collect(),
        likeliest: likeliest.into_iter().take(count as usize).map(|token| (token, logprob(token))).collect(),
        tokens,
        left,
    })
}

fn adjusted(row: &Row<'_>, settings: &Settings<'_>) -> Vec<f32> {
    let mut logits = row.logits.to_vec();
    let banned: BTreeSet<u32> = settings.banned.iter().copied().collect();
    let known: BTreeSet<u32> = row.prompt.iter().chain(row.output).copied().collect();
    let mut times = BTreeMap::new();
    for &token in row.output {
        *times.entry(token).or_insert(0.0) += 1.0;
    }
    for (token, logit) in logits.iter_mut().enumerate() {
        let token = token as u32;
        if banned.contains(&token) {
            *logit = f32::NEG_INFINITY;
        }
        for (_, bias) in settings.biased.iter().zip(settings.biases).filter(|(biased, _)| **biased == token) {
            *logit = (f64::from(*logit) + bias) as f32;
        }
        let mut penalised = f64::from(*logit);
        if known.contains(&token) {
            let penalty = settings.repetition_penalty;
            penalised = if penalised > 0.0 { penalised / penalty } else { penalised * penalty };
        }
        if let Some(times) = times.get(&token) {
            penalised -= settings.frequency_penalty * times + settings.presence_penalty;
        }
        *logit = penalised as f32;
    }
    logits
}

/// All tokens, likeliest first, of equals the lowest.
fn ranked(logits: &[f32]) -> Vec<u32> {
    let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
    tokens.sort_by(|&one, &other| logits[other as usize].partial_cmp(&logits[one as usize]).expect("no logit is NaN"));
    tokens
}

/// What min-p and top-k leave, with the weights, likeliest first; and how many of these top-p leaves.
fn left(ranked: &[u32], logits: &[f32], settings: &Settings<'_>) -> (Vec<(u32, u64)>, usize) {
    let unit = (1u64 << 42) as f64;
    let greatest = f64::from(logits[ranked[0] as usize]);
    let weight = |token: u32| {
        let logit = (f64::from(logits[token as usize]) - greatest) * (1.0 / settings.temperature).min(f64::MAX);
        (logit.exp() * unit).round_ties_even() as u64
    };
    let top_k = if settings.top_k == 0 { usize::MAX } else { settings.top_k as usize };
    let mut entries: Vec<(u32, u64)> = ranked.iter().map(|&token| (token, weight(token))).collect();
    entries.retain(|&(_, weight)| weight > 0 && weight as f64 >= settings.min_p * unit);
    entries.truncate(top_k);
    entries.sort_by_key(|&(token, weight)| (u64::MAX - weight, token));
    let total: u64 = entries.iter().map(|(_, weight)| weight).sum();
    let (mut sum, mut nucleus) = (0, 0);
    for (_, weight) in &entries {
        if settings.top_p < 1.0 && nucleus > 0 && sum as f64 >= settings.top_p * total as f64 {
            break;
        }
        sum += weight;
        nucleus += 1;
    }
    (entries, nucleus)
}

/// One of the first `nucleus` entries: one of all is drawn, and again of those before it as long as it is not among them.
fn drawn(entries: &[(u32, u64)], nucleus: usize, number: impl Fn(u32) -> f64) -> u32 {
    let mut left = entries;
    for attempt in 0.. {
        let token = inverted(left, number(attempt));
        let at = entries.iter().position(|entry| entry.0 == token).expect("it is one of them");
        if at < nucleus {
            return token;
        }
        left = &entries[..at];
    }
    unreachable!("what is left becomes less")
}

/// The token with which the weights, added up in the order of ids, come above the part `u` of their sum.
fn inverted(entries: &[(u32, u64)], u: f64) -> u32 {
    let weights: BTreeMap<u32, u64> = entries.iter().copied().collect();
    let total: u128 = weights.values().map(|&weight| u128::from(weight)).sum();
    let place = ((u * (1u64 << 53) as f64) as u128 * total) >> 53;
    let mut sum = 0;
    for (&token, &weight) in &weights {
        sum += u128::from(weight);
        if sum > place {
            return token;
        }
    }
    unreachable!("u is below 1")
}
