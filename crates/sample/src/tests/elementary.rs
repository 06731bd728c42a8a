//! Our exponential and logarithm beside those of the platform, which err by less than a unit in the last place.

use super::random::Random;
use crate::{exp, ln};

/// How many floats lie between two of the same sign.
fn distance(one: f64, other: f64) -> u64 {
    one.to_bits().abs_diff(other.to_bits())
}

#[test]
fn exp_is_within_two_units_in_the_last_place() {
    let mut random = Random(1);
    for range in [1e-17, 1e-3, 1.0, 10.0, 100.0, 708.0] {
        for _ in 0..100_000 {
            let x = -range * random.part();
            assert!(distance(exp(x), x.exp()) <= 2, "exp({x}) is {}, not {}", exp(x), x.exp());
        }
    }
}

#[test]
fn exp_has_its_exact_values() {
    assert_eq!([exp(0.0), exp(-0.0)], [1.0, 1.0]);
    assert_eq!([exp(-708.1), exp(-1e300), exp(f64::NEG_INFINITY)], [0.0; 3]);
    assert!(distance(exp(-708.0), (-708f64).exp()) <= 2);
}

#[test]
fn exp_never_falls() {
    let mut random = Random(2);
    for _ in 0..100_000 {
        let x = -20.0 * random.part();
        let next = x + x.abs() * f64::EPSILON * 8.0;
        assert!(exp(x) <= exp(next), "exp({x}) is more than exp({next})");
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
