//! Our powers and logarithms beside those of the platform, which err by less than a unit in the last place.

use super::random::Random;
use crate::{exp2, ln};

/// How many floats lie between two of the same sign.
fn distance(one: f64, other: f64) -> u64 {
    one.to_bits().abs_diff(other.to_bits())
}

#[test]
fn exp2_is_within_two_units_in_the_last_place() {
    let mut random = Random(1);
    for range in [1e-17, 1e-3, 1.0, 10.0, 100.0, 1022.0] {
        for _ in 0..100_000 {
            let x = -range * random.part();
            assert!(distance(exp2(x), x.exp2()) <= 2, "exp2({x}) is {}, not {}", exp2(x), x.exp2());
        }
    }
}

#[test]
fn exp2_has_its_exact_values() {
    let powers: Vec<f64> = (0..=1022).map(|k| exp2(-f64::from(k))).collect();
    assert_eq!(powers, (0..=1022).map(|k| 0.5f64.powi(k)).collect::<Vec<_>>());
    assert_eq!(exp2(-0.0), 1.0);
    assert_eq!([exp2(-1022.1), exp2(-1e300), exp2(f64::NEG_INFINITY)], [f64::MIN_POSITIVE; 3]);
}

#[test]
fn exp2_never_falls() {
    let mut random = Random(2);
    for _ in 0..100_000 {
        let x = -20.0 * random.part();
        let next = x + x.abs() * f64::EPSILON * 8.0;
        assert!(exp2(x) <= exp2(next), "exp2({x}) is more than exp2({next})");
    }
}

#[test]
fn ln_is_within_two_units_in_the_last_place() {
    let mut random = Random(3);
    for range in [1e-9, 1e-3, 1.0, 100.0, 1e6, 1e300] {
        for _ in 0..100_000 {
            let x = 1.0 + range * random.part();
            assert!(distance(ln(x), x.ln()) <= 2, "ln({x}) is {}, not {}", ln(x), x.ln());
            let x = 1.0 / x;
            assert!(distance(ln(x), x.ln()) <= 2, "ln({x}) is {}, not {}", ln(x), x.ln());
        }
    }
    assert_eq!(ln(1.0), 0.0);
}
