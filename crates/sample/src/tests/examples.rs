//! Single rows whose outcome is known.

use headrace_core::Code;

use crate::{Outcome, Row, Sampler, Settings, Unusable};

const NEVER: f32 = f32::NEG_INFINITY;

fn row(logits: &[f32]) -> Row<'_> {
    Row { logits, prompt: &[], output: &[] }
}

/// What a thousand draws bring, each once, in the order of ids.
fn possible(row: &Row<'_>, settings: &Settings<'_>) -> Vec<u32> {
    let mut sampler = Sampler::default();
    let settings = Settings { choices: 1000, ..settings.clone() };
    let Ok(Outcome::Chosen(sample)) = sampler.sample(row, &settings) else { panic!("the row is sound") };
    let mut tokens = sample.tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

fn greedy(row: &Row<'_>, settings: &Settings<'_>) -> u32 {
    let settings = Settings { temperature: 0.0, ..settings.clone() };
    let mut sampler = Sampler::default();
    let Ok(Outcome::Chosen(sample)) = sampler.sample(row, &settings) else { panic!("the row is sound") };
    sample.tokens[0]
}

#[test]
fn temperature_0_takes_the_likeliest_and_of_equals_the_lowest() {
    let plain = Settings::default();
    assert_eq!(greedy(&row(&[1.0, 3.0, 3.0, 2.0]), &plain), 1);
    assert_eq!(greedy(&row(&[-1.0, -0.0, 0.0]), &plain), 1);
    assert_eq!(greedy(&row(&[-1.0, 0.0, -0.0]), &plain), 1);
    assert_eq!(greedy(&row(&[NEVER, f32::MIN, NEVER]), &plain), 1);
    assert_eq!(greedy(&row(&[-5.0, -2.0, -9.0]), &plain), 1);
}

#[test]
fn a_temperature_next_to_0_is_0() {
    for temperature in [f64::MIN_POSITIVE, 5e-324, 1e-9] {
        let settings = Settings { temperature, ..Settings::default() };
        assert_eq!(possible(&row(&[1.0, 3.0, 2.999_999, NEVER]), &settings), [1]);
    }
}

#[test]
fn bans_come_first_then_biases_then_penalties() {
    let banned = Settings { banned: &[1], biased: &[1], biases: &[100.0], ..Settings::default() };
    assert_eq!(greedy(&row(&[1.0, 3.0]), &banned), 0);
    // Token 0 is at −1 + 4 = 3, and 3 / 2 = 1.5; the other way round it would be at −1 · 2 + 4 = 2.
    let both = Settings { biased: &[0], biases: &[4.0], repetition_penalty: 2.0, ..Settings::default() };
    assert_eq!(greedy(&Row { logits: &[-1.0, 1.75], prompt: &[0], output: &[] }, &both), 1);
    assert_eq!(greedy(&Row { logits: &[-1.0, 1.25], prompt: &[0], output: &[] }, &both), 0);
    let twice = Settings { biased: &[0, 0], biases: &[1.0, 1.0], ..Settings::default() };
    assert_eq!(greedy(&row(&[0.0, 1.5]), &twice), 0);
}

#[test]
fn repetition_is_about_prompt_and_answer_the_others_about_the_answer() {
    let repetition = Settings { repetition_penalty: 2.0, ..Settings::default() };
    let presence = Settings { presence_penalty: 1.5, ..Settings::default() };
    let frequency = Settings { frequency_penalty: 0.75, ..Settings::default() };
    let logits = [3.0, 2.0];
    let [prompt, once, twice] = [(&[0][..], &[][..]), (&[], &[0]), (&[0, 0], &[0, 0])].map(|(prompt, output)| Row {
        logits: &logits,
        prompt,
        output,
    });
    let chosen = |settings| [prompt, once, twice].map(|row| greedy(&row, settings));
    assert_eq!(chosen(&repetition), [1, 1, 1]);
    assert_eq!(chosen(&presence), [0, 1, 1]);
    assert_eq!(chosen(&frequency), [0, 0, 1]);
    // Repetition counts once, however often a token was there: 3 / 2 and not 3 / 4.
    assert_eq!(greedy(&Row { logits: &[3.0, 1.0], prompt: &[0, 0], output: &[0] }, &repetition), 0);
    // Below 0 it multiplies.
    assert_eq!(greedy(&Row { logits: &[-1.0, -1.5], prompt: &[0], output: &[] }, &repetition), 1);
}

#[test]
fn top_k_leaves_k_and_of_equals_the_lowest() {
    let settings = |top_k| Settings { top_k, ..Settings::default() };
    let equals = row(&[1.0, 2.0, 1.0, 2.0, 1.0]);
    assert_eq!(possible(&equals, &settings(1)), [1]);
    assert_eq!(possible(&equals, &settings(3)), [0, 1, 3]);
    assert_eq!(possible(&equals, &settings(5)), [0, 1, 2, 3, 4]);
    assert_eq!(possible(&equals, &settings(0)), [0, 1, 2, 3, 4]);
    assert_eq!(possible(&equals, &settings(u32::MAX)), [0, 1, 2, 3, 4]);
}

#[test]
fn top_p_leaves_the_fewest_that_reach_p_and_of_equals_the_lowest() {
    let settings = |top_p| Settings { top_p, ..Settings::default() };
    let equals = row(&[NEVER, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(possible(&equals, &settings(1e-300)), [1]);
    assert_eq!(possible(&equals, &settings(0.25)), [1]);
    assert_eq!(possible(&equals, &settings(0.26)), [1, 2]);
    assert_eq!(possible(&equals, &settings(0.75)), [1, 2, 3]);
    assert_eq!(possible(&equals, &settings(0.999)), [1, 2, 3, 4]);
}

#[test]
fn min_p_leaves_a_part_of_the_likeliest_and_comes_before_the_others() {
    let halves = [0.0, 1.0, 2.0, 3.0].map(|power: f32| -power * std::f32::consts::LN_2);
    let settings = |min_p| Settings { min_p, ..Settings::default() };
    assert_eq!(possible(&row(&halves), &settings(0.3)), [0, 1]);
    assert_eq!(possible(&row(&halves), &settings(0.2)), [0, 1, 2]);
    assert_eq!(possible(&row(&[2.0, 2.0, 1.0]), &settings(1.0)), [0, 1]);
    // Of all, token 0 has 0.53; of what min-p leaves, 0.67.
    let together = |top_p| Settings { min_p: 0.3, top_p, ..Settings::default() };
    assert_eq!(possible(&row(&halves), &together(0.6)), [0]);
    assert_eq!(possible(&row(&halves), &Settings { top_p: 0.6, ..Settings::default() }), [0, 1]);
    // Of the two that top-k leaves, token 0 has 0.67 too.
    let first = Settings { top_k: 2, top_p: 0.6, ..Settings::default() };
    assert_eq!(possible(&row(&halves), &first), [0]);
}

#[test]
fn what_is_impossible_is_never_drawn() {
    for settings in [Settings::default(), Settings { top_k: 3, ..Settings::default() }] {
        assert_eq!(possible(&row(&[NEVER, 1.0, NEVER, 1.0, NEVER]), &settings), [1, 3]);
    }
}

#[test]
fn rows_without_a_choice_say_why() {
    let outcome = |logits: &[f32], settings: &Settings<'_>| {
        let mut sampler = Sampler::default();
        match sampler.sample(&row(logits), settings).unwrap() {
            Outcome::Unusable(why) => why,
            Outcome::Chosen(sample) => panic!("{sample:?}"),
        }
    };
    for temperature in [0.0, 1.0] {
        let plain = Settings { temperature, ..Settings::default() };
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY] {
            assert_eq!(outcome(&[1.0, bad, NEVER], &plain), Unusable::NotFinite);
            // Not even if it could not be chosen.
            assert_eq!(outcome(&[1.0, bad], &Settings { banned: &[1], ..plain.clone() }), Unusable::NotFinite);
        }
        assert_eq!(outcome(&[NEVER, NEVER], &plain), Unusable::NothingLeft);
        assert_eq!(outcome(&[NEVER, 1.0], &Settings { banned: &[1], ..plain.clone() }), Unusable::NothingLeft);
        let huge = Settings { repetition_penalty: 1e-9, ..plain };
        let mut sampler = Sampler::default();
        let row = Row { logits: &[f32::MAX, 0.0], prompt: &[0], output: &[] };
        assert_eq!(sampler.sample(&row, &huge).unwrap(), Outcome::Unusable(Unusable::NotFinite));
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let plain = Settings::default;
    let wrong = [
        Settings { temperature: -0.1, ..plain() },
        Settings { temperature: f64::INFINITY, ..plain() },
        Settings { top_p: 0.0, ..plain() },
        Settings { top_p: 1.1, ..plain() },
        Settings { top_p: f64::NAN, ..plain() },
        Settings { min_p: -0.1, ..plain() },
        Settings { min_p: 1.1, ..plain() },
        Settings { repetition_penalty: 0.0, ..plain() },
        Settings { presence_penalty: f64::NAN, ..plain() },
        Settings { frequency_penalty: f64::INFINITY, ..plain() },
        Settings { biased: &[0], ..plain() },
        Settings { biased: &[0], biases: &[f64::NAN], ..plain() },
        Settings { biased: &[3], biases: &[1.0], ..plain() },
        Settings { banned: &[3], ..plain() },
        Settings { choices: 0, ..plain() },
        Settings { choice: u32::MAX, ..plain() },
        Settings { choices: crate::CHOICES_MAX + 1, ..plain() },
    ];
    let mut sampler = Sampler::default();
    for settings in wrong {
        let error = sampler.sample(&row(&[1.0, 2.0, 3.0]), &settings).expect_err(&format!("{settings:?}"));
        assert_eq!(error.code(), Code::OptionInvalid);
    }
    let rows = [
        row(&[]),
        Row { logits: &[1.0], prompt: &[1], output: &[] },
        Row { logits: &[1.0], prompt: &[], output: &[1] },
    ];
    for row in rows {
        assert_eq!(sampler.sample(&row, &plain()).expect_err("the row is wrong").code(), Code::OptionInvalid);
    }
}

#[test]
fn logprobs_are_those_of_the_row_whatever_is_done_to_it() {
    let row = Row { logits: &[1.0, 3.0, 2.0, NEVER, 3.0], prompt: &[1], output: &[2] };
    let settings = Settings {
        temperature: 0.3,
        top_k: 2,
        repetition_penalty: 1.5,
        presence_penalty: 1.0,
        biased: &[0],
        biases: &[5.0],
        banned: &[1],
        logprobs: Some(10),
        ..Settings::default()
    };
    let mut sampler = Sampler::default();
    let Ok(Outcome::Chosen(sample)) = sampler.sample(&row, &settings) else { panic!("the row is sound") };
    let tokens: Vec<u32> = sample.likeliest.iter().map(|scored| scored.token).collect();
    assert_eq!(tokens, [1, 4, 2, 0, 3]);
    let sum = 1f64.exp() + 2.0 * 3f64.exp() + 2f64.exp();
    for scored in sample.likeliest {
        let expected = f64::from(row.logits[scored.token as usize]).exp() / sum;
        assert!((scored.logprob.exp() - expected).abs() < 1e-15, "{scored:?}");
    }
    let own = sample.likeliest.iter().find(|scored| scored.token == sample.tokens[0]);
    assert_eq!(own.map(|scored| scored.logprob), Some(sample.logprobs[0]));
}

#[test]
fn choices_drawn_together_are_those_drawn_alone() {
    let logits: Vec<f32> = (0..100).map(|token| (token as f32 * 0.7).sin() * 3.0).collect();
    let mut sampler = Sampler::default();
    let mut draw = |choice, choices| {
        let settings = Settings { seed: 5, choice, choices, position: 9, ..Settings::default() };
        let Ok(Outcome::Chosen(sample)) = sampler.sample(&row(&logits), &settings) else { panic!("the row is sound") };
        sample.tokens.to_vec()
    };
    let together = draw(0, 50);
    let alone: Vec<u32> = (0..50).flat_map(|choice| draw(choice, 1)).collect();
    assert_eq!(together, alone);
}
