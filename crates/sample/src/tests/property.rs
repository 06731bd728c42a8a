//! Random rows under random settings, in the sampler and in the model.

use super::{
    model,
    random::{Random, for_seeds},
};
use crate::{Outcome, Row, Sampler, Settings};

#[test]
fn rows_agree_with_the_model() {
    let mut seen = Seen::default();
    // One sampler for all: what is left over from a row must not show in the next.
    let mut sampler = Sampler::default();
    for_seeds(20_000, "rows_agree_with_the_model", |mut random| {
        let vocabulary = 1 + random.below(60);
        compare(&mut sampler, &mut random, vocabulary, &mut seen);
    });
    seen.check(20_000);
}

#[test]
fn long_rows_agree_with_the_model() {
    let mut seen = Seen::default();
    let mut sampler = Sampler::default();
    for_seeds(200, "long_rows_agree_with_the_model", |mut random| {
        let vocabulary = 1000 + random.below(60_000);
        compare(&mut sampler, &mut random, vocabulary, &mut seen);
    });
    seen.check(200);
}

/// How often what is interesting has happened.
#[derive(Debug, Default)]
struct Seen {
    cases: usize,
    one_left: usize,
    some_left: usize,
    all_left: usize,
    greedy: usize,
    unusable: usize,
}

impl Seen {
    /// A test that never comes to these would say nothing about them.
    fn check(&self, cases: usize) {
        let each = [self.one_left, self.some_left, self.all_left, self.greedy, self.unusable];
        assert!(self.cases < cases || each.iter().all(|&times| times > cases / 200), "{self:?}");
    }
}

fn compare(sampler: &mut Sampler, random: &mut Random, vocabulary: usize, seen: &mut Seen) {
    let scale = random.pick(&[0.1, 5.0, 30.0, 300.0]);
    let mut logits = random.row(vocabulary, scale);
    if random.one_in(3) {
        // Many equal ones.
        logits.iter_mut().for_each(|logit| *logit = logit.round());
    }
    if random.one_in(4) {
        let all = random.one_in(4);
        logits.iter_mut().for_each(|logit| *logit = if all || random.one_in(2) { f32::NEG_INFINITY } else { *logit });
    }
    if random.one_in(20) {
        logits[random.below(vocabulary)] = random.pick(&[f32::NAN, -f32::NAN, f32::INFINITY]);
    }
    let [prompt, output, biased, banned] = [20, 20, 10, 5].map(|most| {
        let count = if random.one_in(2) { 0 } else { random.below(most) };
        random.tokens(count, vocabulary)
    });
    let biases: Vec<f64> = biased.iter().map(|_| 20.0 * (random.part() - 0.5)).collect();
    let settings = Settings {
        temperature: random.pick(&[0.0, 1e-310, 0.1, 0.7, 1.0, 2.0]),
        top_k: random.pick(&[0, 0, 1, 2, 20, 1000]),
        top_p: random.pick(&[1.0, 1.0, 1e-9, 0.1, 0.5, 0.9, 0.999]),
        min_p: random.pick(&[0.0, 0.0, 0.0, 1e-9, 0.05, 0.5, 1.0]),
        repetition_penalty: random.pick(&[1.0, 1.0, 0.5, 1.3]),
        presence_penalty: random.pick(&[0.0, 0.0, -1.5, 0.7]),
        frequency_penalty: random.pick(&[0.0, 0.0, -0.5, 1.1]),
        biased: &biased,
        biases: &biases,
        banned: &banned,
        seed: random.word(),
        choice: random.below(5) as u32,
        choices: 1 + random.below(3) as u32,
        position: random.below(1000) as u32,
        logprobs: random.pick(&[None, Some(0), Some(1), Some(5), Some(100)]),
    };
    let row = Row { logits: &logits, prompt: &prompt, output: &output };
    let outcome = sampler.sample(&row, &settings).expect("the settings are in range");
    seen.cases += 1;
    let sample = match (outcome, model::sample(&row, &settings)) {
        (Outcome::Unusable(why), Err(expected)) => {
            seen.unusable += 1;
            return assert_eq!(why, expected);
        }
        (Outcome::Chosen(sample), Ok(expected)) => (sample, expected),
        (outcome, expected) => panic!("{outcome:?}, and the model has {:?}", expected.err()),
    };
    let (sample, expected) = sample;
    let kind = match expected.left {
        _ if settings.temperature == 0.0 => &mut seen.greedy,
        1 => &mut seen.one_left,
        left if left < vocabulary => &mut seen.some_left,
        _ => &mut seen.all_left,
    };
    *kind += 1;
    assert_eq!(sample.tokens, expected.tokens, "{settings:?}");
    let likeliest: Vec<u32> = sample.likeliest.iter().map(|scored| scored.token).collect();
    assert_eq!(likeliest, expected.likeliest.iter().map(|&(token, _)| token).collect::<Vec<_>>());
    let own = sample.logprobs.iter().chain(sample.likeliest.iter().map(|scored| &scored.logprob));
    let others = expected.logprobs.iter().chain(expected.likeliest.iter().map(|(_, logprob)| logprob));
    assert_eq!(own.clone().count(), others.clone().count());
    for (own, other) in own.zip(others) {
        assert!(own == other || (own - other).abs() <= 1e-12 * (1.0 + other.abs()), "{own} is not {other}");
    }
}
