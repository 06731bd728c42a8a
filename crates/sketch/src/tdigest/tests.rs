use datasketches::tdigest::TDigestMut;
use proptest::prelude::*;

use super::*;
use crate::test_support::{SplitMix, abuse_decoder, merge_randomly};

const QS: [f64; 15] = [0.0, 0.0001, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0];

/// A name, and the value at an index of the stream.
type Distribution = (&'static str, fn(&mut SplitMix, usize) -> f64);

const DISTRIBUTIONS: [Distribution; 15] = [
    ("uniform", |random, _| random.unit()),
    ("ascending", |_, index| index as f64),
    ("descending", |_, index| -(index as f64)),
    ("constant", |_, _| 42.0),
    ("two values", |random, _| f64::from(random.unit() < 0.3)),
    ("30 values", |random, _| random.below(30) as f64),
    ("100 values", |random, _| random.below(100) as f64),
    ("300 values", |random, _| random.below(300) as f64),
    ("whole minutes", |random, _| (-(1.0 - random.unit()).ln() * 20.0).floor() - 5.0),
    ("log-normal", |random, _| (0..12).map(|_| random.unit()).sum::<f64>().exp()),
    ("pareto", |random, _| (1.0 - random.unit()).powi(-3)),
    ("cauchy", |random, _| (std::f64::consts::PI * (random.unit() - 0.5)).tan()),
    ("60 orders of magnitude", |random, _| (random.unit() * 200.0 - 100.0).exp2()),
    ("drifting", |random, index| index as f64 * 1e-3 + random.unit() * 10.0),
    ("sawtooth", |random, index| (index % 1000) as f64 + random.unit()),
];

fn of(values: &[f64]) -> TDigest {
    let mut digest = TDigest::new();
    values.iter().for_each(|&value| digest.update(value));
    digest
}

fn encoded(digest: &TDigest) -> Vec<u8> {
    let mut bytes = Vec::new();
    digest.encode(&mut bytes);
    bytes
}

/// The oracle: SQL's `quantile_cont`, straight from its definition.
fn quantile_cont(sorted: &[f64], q: f64) -> f64 {
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, high) = (position.floor(), position.ceil());
    let (below, above) = (sorted[low as usize], sorted[high as usize]);
    below + (above - below) * (position - low)
}

fn assert_within_rank_error(digest: &TDigest, mut values: Vec<f64>, context: &str) {
    values.sort_by(|left, right| left.partial_cmp(right).unwrap());
    assert_eq!(digest.count(), values.len() as u64, "{context}");
    assert_eq!(digest.min(), values.first().copied(), "{context}");
    assert_eq!(digest.max(), values.last().copied(), "{context}");
    for (q, answer) in QS.into_iter().zip(digest.quantiles(&QS)) {
        let answer = answer.unwrap();
        let error = TDigest::rank_error(q);
        let low = quantile_cont(&values, q - error);
        let high = quantile_cont(&values, q + error);
        assert!((low..=high).contains(&answer), "{context}, q = {q}: {answer} is not within {low}..={high}");
    }
}

#[test]
fn rank_error_over_distributions_and_merges() {
    for (name, value) in DISTRIBUTIONS {
        for (parts, count, seed) in
            [(1, 1_000, 1), (1, 10_000, 2), (1, 300_000, 3), (24, 100_000, 4), (300, 100_000, 5), (3_000, 200_000, 6)]
        {
            let mut random = SplitMix(seed);
            let values: Vec<f64> = (0..count).map(|index| value(&mut random, index)).collect();
            let digests = values.chunks(count / parts).map(of).collect();
            let digest = merge_randomly(digests, &mut random, TDigest::merge);
            let bytes = digest.heap_bytes();
            assert!(bytes < 11_000, "{name}: {bytes} bytes");
            let context = format!("{name}, {count} values, {parts} parts, seed {seed}");
            assert_within_rank_error(&digest, values, &context);
        }
    }
}

proptest! {
    #[test]
    fn rank_error_over_random_merge_trees(
        seed: u64,
        (name, value) in prop::sample::select(&DISTRIBUTIONS[..]),
        parts in 1usize..40,
        count in 129usize..20_000,
    ) {
        let mut random = SplitMix(seed);
        let values: Vec<f64> = (0..count).map(|index| value(&mut random, index)).collect();
        let mut digests = vec![TDigest::new(); parts];
        for &value in &values {
            // Square the choice, so that parts differ in size and several stay exact.
            let part = random.unit() * random.unit() * parts as f64;
            digests[part as usize].update(value);
        }
        let digest = merge_randomly(digests, &mut random, TDigest::merge);
        assert_within_rank_error(&digest, values, name);
    }

    /// While nothing was compressed, with or without promotion, the definition holds exactly.
    #[test]
    fn few_values_are_exact(values in prop::collection::vec(-1e9..1e9f64, 1..512), q in 0.0..=1.0f64) {
        let digest = of(&values);
        let mut sorted = values;
        sorted.sort_by(|left, right| left.partial_cmp(right).unwrap());
        prop_assert_eq!(digest.quantile(q), Some(quantile_cont(&sorted, q)));
        prop_assert_eq!(digest.quantile(0.0), sorted.first().copied());
        prop_assert_eq!(digest.quantile(1.0), sorted.last().copied());
    }

    /// Asking, encoding and going through bytes after every single step leaves no trace.
    #[test]
    fn reading_changes_nothing(seed: u64, steps in 1usize..2_000) {
        let mut random = SplitMix(seed);
        let (mut undisturbed, mut disturbed) = (TDigest::new(), TDigest::new());
        for _ in 0..steps {
            let values: Vec<f64> = (0..random.below(3)).map(|_| random.unit()).collect();
            for digest in [&mut undisturbed, &mut disturbed] {
                digest.merge(&of(&values));
                digest.update(values.len() as f64);
            }
            disturbed.quantile(0.5);
            disturbed = TDigest::decode(&encoded(&disturbed)).unwrap();
        }
        prop_assert_eq!(encoded(&disturbed), encoded(&undisturbed));
        prop_assert_eq!(disturbed, undisturbed);
    }

    #[test]
    fn damaged_bytes_are_survived(seed: u64, count in 0usize..2_000) {
        let mut random = SplitMix(seed);
        let values: Vec<f64> = (0..count).map(|_| random.unit()).collect();
        abuse_decoder(&encoded(&of(&values)), seed, TDigest::decode, |mut digest, length| {
            assert!(digest.heap_bytes() <= 100 + 3 * length, "{length} bytes");
            assert_eq!(TDigest::decode(&encoded(&digest)).as_ref(), Ok(&digest));
            digest.merge(&digest.clone());
            digest.merge(&of(&[0.5; 1_000]));
            digest.to_datasketches().ok();
            let answers = digest.quantiles(&QS);
            assert!(answers.iter().all(|answer| answer.is_some_and(|answer| !answer.is_nan())));
            assert!(answers.is_sorted());
        });
    }

    /// DataSketches reads what we export and answers about the same.
    #[test]
    fn exports_are_read_by_datasketches(seed: u64, count in 0usize..20_000) {
        let mut random = SplitMix(seed);
        let mut values: Vec<f64> = (0..count).map(|_| random.unit() * 1e3).collect();
        let digest = of(&values);
        let mut theirs = TDigestMut::deserialize(&digest.to_datasketches().unwrap()).unwrap();
        prop_assert_eq!(theirs.total_weight(), count as u64);
        prop_assert_eq!(theirs.min_value(), digest.min());
        prop_assert_eq!(theirs.max_value(), digest.max());
        values.sort_by(|left, right| left.partial_cmp(right).unwrap());
        for q in QS {
            let Some(answer) = theirs.quantile(q).unwrap() else { continue };
            // Theirs counts ranks from 1 and steps where ours interpolates: one rank of distance.
            let error = TDigest::rank_error(q) + 1.0 / count as f64;
            let low = quantile_cont(&values, q - error);
            let high = quantile_cont(&values, q + error);
            prop_assert!((low..=high).contains(&answer), "q = {}: {}", q, answer);
        }
    }
}

#[test]
fn the_stated_errors_are_these() {
    assert!((TDigest::rank_error(0.5) - 0.00785).abs() < 1e-5);
    assert!((TDigest::rank_error(0.99) - 0.00156).abs() < 1e-5);
    assert_eq!(TDigest::rank_error(1.0), 0.0);
}

#[test]
fn empty_and_out_of_range() {
    assert_eq!(TDigest::new().quantile(0.5), None);
    assert_eq!(TDigest::new().min(), None);
    assert!(TDigest::new().is_empty());
    for digest in [of(&[1.0]), of(&[1.0; 1_000])] {
        let answers = digest.quantiles(&[-0.1, 1.1, f64::NAN, 0.3]);
        assert_eq!(answers, [None, None, None, Some(1.0)]);
    }
}

#[test]
fn nan_is_not_counted_and_zero_has_no_sign() {
    let digest = of(&[f64::NAN, -0.0, -f64::NAN]);
    assert_eq!(digest.count(), 1);
    assert_eq!(digest.min().map(f64::to_bits), Some(0));
}

/// A quarter of the values at each infinity, the rest between: no NaN, no mixture.
#[test]
fn infinities_are_values() {
    for count in [40, 400, 40_000] {
        let at = |index| match index % 4 {
            0 => f64::NEG_INFINITY,
            1 => f64::INFINITY,
            _ => index as f64,
        };
        let digest = of(&(0..count).map(at).collect::<Vec<_>>());
        assert_eq!(digest.quantile(0.0), Some(f64::NEG_INFINITY));
        assert_eq!(digest.quantile(0.2), Some(f64::NEG_INFINITY));
        assert_eq!(digest.quantile(0.8), Some(f64::INFINITY));
        let median = digest.quantile(0.5).unwrap();
        assert!((median / f64::from(count) - 0.5).abs() < 0.04, "{median}");
        assert_eq!(digest.to_datasketches().unwrap_err().code(), "HR_SKETCH_NOT_EXPORTABLE");
    }
}

/// Half of the values are twenty whole numbers, each of which fills several centroids; the others lie
/// between. No centroid may be a mixture of both.
#[test]
fn heavy_values_are_not_mixed() {
    let mut random = SplitMix(1);
    let mut value = || {
        let whole = random.below(20) as f64;
        if random.unit() < 0.5 { whole } else { whole + 0.25 + 0.5 * random.unit() }
    };
    let digests = (0..20).map(|_| of(&[(); 5_000].map(|()| value()))).collect();
    let Content::Digest(digest) = merge_randomly(digests, &mut SplitMix(2), TDigest::merge).0 else {
        panic!("not promoted");
    };
    for centroid in &digest.centroids {
        let distance = (centroid.mean - centroid.mean.round()).abs();
        assert!(distance == 0.0 || distance >= 0.25, "{centroid:?}");
    }
}

/// Sums of such values overflow; means may not.
#[test]
fn huge_values_stay_finite() {
    let mut random = SplitMix(1);
    let mut values: Vec<f64> = (0..100_000).map(|_| (random.unit() * 2.0 - 1.0) * f64::MAX).collect();
    let digest = of(&values);
    assert!(digest.heap_bytes() < 11_000);
    values.sort_by(|left, right| left.partial_cmp(right).unwrap());
    for q in QS {
        let (middle, error) = (q * 99_999.0, TDigest::rank_error(q) * 99_999.0);
        let low = values[(middle - error).max(0.0) as usize];
        let high = values[(middle + error).min(99_999.0).ceil() as usize];
        let answer = digest.quantile(q).unwrap();
        assert!((low..=high).contains(&answer), "{answer} at {q}");
    }
}

#[test]
fn counts_saturate() {
    let mut bytes = vec![1, 255, 3, 0];
    for mean in [1.0f64, 2.0, 3.0] {
        bytes.extend(mean.to_le_bytes());
    }
    for weight in [1, u64::MAX - 2, 1] {
        crate::codec::put_varint(&mut bytes, weight);
    }
    let mut digest = TDigest::decode(&bytes).unwrap();
    assert_eq!(digest.count(), u64::MAX);
    digest.merge(&digest.clone());
    digest.merge(&of(&[5.0; 2_000]));
    assert_eq!(digest.count(), u64::MAX);
    assert_eq!(digest.max(), Some(5.0));
    assert!(digest.quantile(0.5).is_some());
}

/// Format version 1, byte for byte: a change here needs a new version.
#[test]
fn the_encoding_is_stable() {
    let exact = [1, 2, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0x04, 0xc0];
    assert_eq!(encoded(&of(&[1.0, -2.5])), exact);
    let values: Vec<f64> = (0..600).map(f64::from).collect();
    let bytes = encoded(&of(&values));
    // 512 values were compressed, 88 wait.
    assert_eq!(bytes[..2], [1, 255]);
    assert_eq!(bytes[2..6], [229, 1, 88, 0]);
    assert_eq!(bytes.len(), 5 + 8 * (229 + 88) + 229);
}

#[test]
fn is_small() {
    assert_eq!(size_of::<TDigest>(), 24);
    assert_eq!(of(&[1.0, 2.0]).heap_bytes(), 0);
    assert_eq!(of(&[1.0; 3]).heap_bytes(), 32);
    assert_eq!(of(&[1.0; 128]).heap_bytes(), 1024);
}
