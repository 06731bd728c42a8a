//! The random numbers are evenly spread along each of the coordinates that they depend on.

use crate::uniform;

/// Numbers of a sample.
const DRAWS: u32 = 100_000;
/// Parts of [0, 1).
const PARTS: usize = 256;
/// χ² of 255 degrees of freedom lies between these with a probability of 1 − 2 · 10⁻⁵.
const USUAL: (f64, f64) = (172.0, 360.0);

/// Numbers by what they depend on.
type Numbers<T> = (&'static str, fn(u32) -> T);

fn chi_square(parts: impl Iterator<Item = usize>) -> f64 {
    let mut counts = [0.0; PARTS];
    parts.for_each(|part| counts[part] += 1.0);
    let expected = f64::from(DRAWS) / PARTS as f64;
    counts.iter().map(|count| (count - expected) * (count - expected) / expected).sum()
}

fn part(u: f64) -> usize {
    assert!((0.0..1.0).contains(&u));
    (u * PARTS as f64) as usize
}

#[test]
fn numbers_are_evenly_spread_by_seed_choice_and_position() {
    let along: [Numbers<f64>; 6] = [
        ("seeds", |at| uniform(u64::from(at), 0, 0, 0)),
        ("high bits of seeds", |at| uniform(u64::from(at) << 32, 0, 0, 0)),
        ("choices", |at| uniform(7, at, 3, 0)),
        ("positions", |at| uniform(7, 0, at, 0)),
        ("attempts", |at| uniform(7, 1, 2, at)),
        ("all at once", |at| uniform(u64::from(at / 1000), at % 10, at / 10 % 100, 0)),
    ];
    for (what, number) in along {
        let found = chi_square((0..DRAWS).map(|at| part(number(at))));
        assert!(found > USUAL.0 && found < USUAL.1, "χ² along {what} is {found}");
    }
}

#[test]
fn neighbours_do_not_go_together() {
    let root = 16;
    let pair =
        |one: f64, other: f64| (one * f64::from(root)) as usize * root as usize + (other * f64::from(root)) as usize;
    let pairs: [Numbers<(f64, f64)>; 4] = [
        ("positions", |at| (uniform(1, 0, 2 * at, 0), uniform(1, 0, 2 * at + 1, 0))),
        ("choices", |at| (uniform(1, 0, at, 0), uniform(1, 1, at, 0))),
        ("seeds", |at| (uniform(1, 0, at, 0), uniform(2, 0, at, 0))),
        ("attempts", |at| (uniform(1, 0, at, 0), uniform(1, 0, at, 1))),
    ];
    for (what, numbers) in pairs {
        let found = chi_square((0..DRAWS).map(numbers).map(|(one, other)| pair(one, other)));
        assert!(found > USUAL.0 && found < USUAL.1, "χ² of neighbouring {what} is {found}");
    }
}
