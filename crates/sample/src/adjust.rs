//! What changes logits before a token is chosen: bans, then biases, then penalties.

use crate::{row::Row, settings::Settings};

/// Marks a token that only the prompt has.
const IN_PROMPT: u32 = u32::MAX;

/// Memory for a changed row.
#[derive(Debug, Default)]
pub(crate) struct Adjust {
    logits: Vec<f32>,
    /// By token: how often the answer has it, or [`IN_PROMPT`]. All 0 between calls.
    seen: Vec<u32>,
}

impl Adjust {
    /// The row as the settings change it, if they do. Numbers are computed as `f64` and rounded once a step.
    /// O(tokens of the row, the prompt and the answer).
    pub(crate) fn apply(&mut self, row: &Row<'_>, settings: &Settings<'_>) -> Option<&[f32]> {
        let penalised = penalises(row, settings);
        if !penalised && settings.banned.is_empty() && settings.biased.is_empty() {
            return None;
        }
        self.logits.clear();
        self.logits.extend_from_slice(row.logits);
        for &token in settings.banned {
            self.logits[token as usize] = f32::NEG_INFINITY;
        }
        for (&token, bias) in settings.biased.iter().zip(settings.biases) {
            let logit = &mut self.logits[token as usize];
            *logit = (f64::from(*logit) + bias) as f32;
        }
        if penalised {
            self.penalise(row, settings);
        }
        Some(&self.logits)
    }

    fn penalise(&mut self, row: &Row<'_>, settings: &Settings<'_>) {
        self.seen.resize(row.logits.len().max(self.seen.len()), 0);
        for &token in row.output {
            self.seen[token as usize] += 1;
        }
        let repetition = settings.repetition_penalty;
        if repetition != 1.0 {
            for &token in row.prompt {
                let seen = &mut self.seen[token as usize];
                *seen = if *seen == 0 { IN_PROMPT } else { *seen };
            }
        }
        // Each token is penalised where it is first met, and its mark is taken away with that.
        for &token in row.output.iter().chain(row.prompt) {
            let times = std::mem::take(&mut self.seen[token as usize]);
            if times == 0 {
                continue;
            }
            let logit = &mut self.logits[token as usize];
            let before = f64::from(*logit);
            let repeated = if before > 0.0 { before / repetition } else { before * repetition };
            let answered = if times == IN_PROMPT {
                0.0
            } else {
                settings.frequency_penalty * f64::from(times) + settings.presence_penalty
            };
            *logit = (repeated - answered) as f32;
        }
    }
}

fn penalises(row: &Row<'_>, settings: &Settings<'_>) -> bool {
    let answered = settings.presence_penalty != 0.0 || settings.frequency_penalty != 0.0;
    (answered && !row.output.is_empty()) || settings.repetition_penalty != 1.0
}
