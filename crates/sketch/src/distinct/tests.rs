use std::collections::HashSet;

use datasketches::hash::value::{canonical_float, raw_bytes};
use datasketches::hll::{HllSketch, HllType};
use proptest::prelude::*;

use super::*;
use crate::test_support::{SplitMix, abuse_decoder, merge_randomly};

fn of_integers(values: impl IntoIterator<Item = i64>) -> Distinct {
    let mut distinct = Distinct::new();
    let values = values.into_iter();
    values.for_each(|value| distinct.update_i64(value));
    distinct
}

fn encoded(distinct: &Distinct) -> Vec<u8> {
    let mut bytes = Vec::new();
    distinct.encode(&mut bytes);
    bytes
}

fn apache() -> HllSketch {
    HllSketch::new(12, HllType::Hll8).unwrap()
}

/// The registers at the end of a dense DataSketches image.
fn registers_of(image: &[u8]) -> &[u8] {
    assert_eq!(image.len(), 40 + 4096, "not a dense image");
    &image[40..]
}

proptest! {
    /// Order and merge tree do not show, on either side of promotion.
    #[test]
    fn is_a_function_of_the_set(seed: u64, distinct in 1usize..300, parts in 1usize..12) {
        let mut random = SplitMix(seed);
        let values: Vec<i64> = (0..3 * distinct).map(|_| random.below(distinct) as i64).collect();
        let mut sketches = vec![Distinct::new(); parts];
        for &value in &values {
            sketches[random.below(parts)].update_i64(value);
        }
        let merged = merge_randomly(sketches, &mut random, Distinct::merge);
        let expected = of_integers(values.iter().copied());
        prop_assert_eq!(&merged, &expected);
        prop_assert_eq!(encoded(&merged), encoded(&expected));

        let set: HashSet<i64> = values.into_iter().collect();
        if set.len() <= Distinct::EXACT_LIMIT {
            prop_assert_eq!(merged.estimate(), set.len() as u64);
        } else {
            prop_assert!(matches!(merged.0, Content::Dense(_)));
            let error = (merged.estimate() as f64 / set.len() as f64 - 1.0).abs();
            prop_assert!(error < 0.12, "{} for {}", merged.estimate(), set.len());
        }
    }

    #[test]
    fn merging_twice_changes_nothing(left in 0i64..200, right in 0i64..200) {
        let mut once = of_integers(0..left);
        let other = of_integers(100..100 + right);
        once.merge(&other);
        let mut twice = once.clone();
        twice.merge(&other);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn survives_a_round_trip(distinct in 0i64..200, more in 0i64..200) {
        let mut original = of_integers(0..distinct);
        let mut decoded = Distinct::decode(&encoded(&original)).unwrap();
        prop_assert_eq!(&decoded, &original);
        for sketch in [&mut original, &mut decoded] {
            (0..more).for_each(|value| sketch.update_i64(3 * value));
        }
        prop_assert_eq!(encoded(&decoded), encoded(&original));
    }

    #[test]
    fn damaged_bytes_are_survived(seed: u64, distinct in 0i64..200) {
        let valid = encoded(&of_integers(0..distinct));
        abuse_decoder(&valid, seed, Distinct::decode, |mut sketch, length| {
            assert!(sketch.heap_bytes() <= 4096.max(2 * length), "{length} bytes");
            assert_eq!(Distinct::decode(&encoded(&sketch)).as_ref(), Ok(&sketch));
            sketch.merge(&of_integers(0..100));
            sketch.to_datasketches();
            assert!(sketch.estimate() > 64);
        });
    }

    /// The hash is DataSketches' for text and bytes of every length, integers and floats.
    #[test]
    fn registers_are_those_of_datasketches(seed: u64) {
        let mut random = SplitMix(seed);
        let mut ours = Distinct::new();
        let mut theirs = apache();
        for length in 0..400usize {
            let bytes: Vec<u8> = (0..length % 70).map(|_| random.next() as u8).collect();
            ours.update_bytes(&bytes);
            theirs.update(raw_bytes::from_slice(&bytes));
            let integer = random.next() as i64;
            ours.update_i64(integer);
            theirs.update(integer);
            let float = f64::from_bits(random.next());
            ours.update_f64(float);
            theirs.update(canonical_float::from_f64(float));
        }
        let (ours, theirs) = (ours.to_datasketches(), theirs.serialize());
        prop_assert_eq!(registers_of(&ours), registers_of(&theirs));
    }

    /// DataSketches reads what we export, and sees about as many values.
    #[test]
    fn exports_are_read_by_datasketches(distinct in 0i64..20_000) {
        let ours = of_integers(0..distinct);
        let theirs = HllSketch::deserialize(&ours.to_datasketches()).unwrap();
        let distance = (theirs.estimate() - ours.estimate() as f64).abs();
        if distinct <= Distinct::EXACT_LIMIT as i64 {
            prop_assert!(distance < 0.01, "{distance}");
        } else {
            // Two estimators over equal registers: much closer than either is to the truth.
            prop_assert!(distance <= 0.5 + 0.02 * distinct as f64, "{distance} of {distinct}");
        }
        // Theirs stays exact longer; from where it is dense, equal registers give equal estimates.
        if distinct > 400 {
            let mut direct = apache();
            (0..distinct).for_each(|value| direct.update(value));
            let distance = (theirs.estimate() / direct.composite_estimate() - 1.0).abs();
            prop_assert!(distance < 1e-9, "{distance}");
        }
    }
}

#[test]
fn floats_are_canonical() {
    let mut distinct = Distinct::new();
    let nans = [f64::NAN, -f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001)];
    for value in [0.0, -0.0].into_iter().chain(nans) {
        distinct.update_f64(value);
    }
    assert_eq!(distinct.estimate(), 2);
}

#[test]
fn a_hash_can_be_computed_once() {
    let mut hashed = Distinct::new();
    hashed.update_hash(ValueHash::of_bytes(b"Lisbon"));
    let mut direct = Distinct::new();
    direct.update_bytes(b"Lisbon");
    assert_eq!(hashed, direct);
}

/// Format version 1, byte for byte: a change here needs a new version.
#[test]
fn the_encoding_is_stable() {
    let distinct = of_integers([1, 2]);
    assert_eq!(encoded(&distinct), [1, 2, 43, 242, 251, 150, 123, 13, 67, 7, 134, 47, 249, 37, 2, 225, 58, 13]);
}

#[test]
fn is_small() {
    assert_eq!(size_of::<Distinct>(), 24);
    assert_eq!(Distinct::new().heap_bytes(), 0);
    assert_eq!(of_integers(0..2).heap_bytes(), 0);
    assert!(of_integers(0..64).heap_bytes() <= 512);
    assert_eq!(of_integers(0..65).heap_bytes(), 4096);
    assert!(encoded(&of_integers(0..1_000_000)).len() < 4200);
}

/// 30 seeds of a million distinct values: each within 3 σ, and no bias beyond 3 σ of their mean.
#[test]
fn the_error_is_as_stated() {
    const SIGMA: f64 = 1.04 / 64.0;
    let errors = |count: u64| -> Vec<f64> {
        let seeds = 0..30u64;
        let error = |seed: u64| {
            let mut distinct = Distinct::new();
            (0..count).for_each(|value| distinct.update_i64((seed << 40 | value) as i64));
            distinct.estimate() as f64 / count as f64 - 1.0
        };
        seeds.map(error).collect()
    };
    for count in [1_000, 10_000, 20_000, 1_000_000] {
        let errors = errors(count);
        for (seed, error) in errors.iter().enumerate() {
            assert!(error.abs() <= 3.0 * SIGMA, "seed {seed}: {error} at {count}");
        }
        let bias = errors.iter().sum::<f64>() / 30.0;
        assert!(bias.abs() <= 3.0 * SIGMA / 30f64.sqrt(), "bias {bias} at {count}");
    }
}
