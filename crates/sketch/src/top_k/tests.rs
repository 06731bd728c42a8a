use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::test_support::{SplitMix, abuse_decoder, merge_randomly};

/// Counts by a map: the oracle.
type Truth = BTreeMap<Vec<u8>, u64>;

fn name(rank: u64) -> Vec<u8> {
    // Some names exceed what is stored inline.
    let mut name = format!("value-{rank}").into_bytes();
    name.resize(name.len() + (rank % 7 * 4) as usize, b'.');
    name
}

fn count_zipf(random: &mut SplitMix, updates: usize, distinct: usize) -> (TopK, Truth) {
    let (mut sketch, mut truth) = (TopK::new(10), Truth::new());
    for _ in 0..updates {
        let value = name(random.zipf(distinct));
        sketch.update(&value, 1);
        *truth.entry(value).or_default() += 1;
    }
    (sketch, truth)
}

fn exact_top(truth: &Truth, k: usize) -> Vec<(Box<[u8]>, u64)> {
    let mut all: Vec<(Box<[u8]>, u64)> = truth.iter().map(|(value, &count)| (value.as_slice().into(), count)).collect();
    // The map is in value order and the sort is stable.
    all.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    all.truncate(k);
    all
}

fn encoded(sketch: &TopK) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    bytes
}

fn is_exact(sketch: &TopK) -> bool {
    matches!(sketch.content, Content::Exact(_))
}

/// Holds a promoted sketch to everything its documentation says.
fn assert_within_bounds(sketch: &TopK, truth: &Truth, context: &str) {
    let total: u64 = truth.values().sum();
    assert!(!is_exact(sketch), "{context}: not promoted");
    assert_eq!(sketch.total(), total, "{context}");
    let error = sketch.count_error();
    assert_eq!(error, (std::f64::consts::E / 2048.0 * total as f64).ceil() as u64);

    let reported = sketch.top(usize::MAX);
    let mut beyond = 0;
    for (value, count) in &reported {
        let exact = truth[value.as_ref()];
        assert!(*count >= exact, "{context}: {count} is below {exact}");
        beyond += usize::from(*count > exact + error);
    }
    assert!(beyond as f64 <= 1.0 + 0.03 * reported.len() as f64, "{context}: {beyond} beyond");

    // Every value with a share above 1 / kept + ε is reported.
    let share = total / 80 + error;
    for (value, &count) in truth {
        let found = reported.iter().any(|(found, _)| **found == **value);
        assert!(found || count <= share, "{context}: missed {count} of {total}");
    }
    assert!(reported.is_sorted_by(|left, right| { left.1 > right.1 || left.1 == right.1 && left.0 < right.0 }));
}

#[test]
fn zipf_counts_are_within_the_bound() {
    for seed in 0..5 {
        let mut random = SplitMix(seed);
        let (sketch, truth) = count_zipf(&mut random, 300_000, 1_000_000);
        assert!(truth.len() > 30_000);
        assert_within_bounds(&sketch, &truth, &format!("seed {seed}"));
        let top: Vec<_> = sketch.top(5).into_iter().map(|(value, _)| value).collect();
        let exact: Vec<_> = exact_top(&truth, 5).into_iter().map(|(value, _)| value).collect();
        assert_eq!(top, exact, "seed {seed}");
    }
}

/// Not only candidates: any value's estimate is within ε·N but for a share of about δ.
#[test]
fn estimates_of_all_values_are_within_the_bound() {
    let mut random = SplitMix(7);
    let (sketch, truth) = count_zipf(&mut random, 300_000, 1_000_000);
    let Content::Heavy(heavy) = &sketch.content else {
        panic!("not promoted");
    };
    let error = sketch.count_error();
    let mut beyond = 0;
    for (value, &count) in &truth {
        let estimate = heavy.estimate(value);
        assert!(estimate >= count);
        beyond += usize::from(estimate > count + error);
    }
    assert!((beyond as f64) < (-5f64).exp() * truth.len() as f64, "{beyond}");
}

/// Ten rare leaders among values that all occur once: the threshold must not lock leaders out.
#[test]
fn late_leaders_are_found() {
    let (mut sketch, mut truth) = (TopK::new(10), Truth::new());
    let mut count = |value: u64| {
        sketch.update(&name(value), 1);
        *truth.entry(name(value)).or_default() += 1;
    };
    (0..100_000).for_each(&mut count);
    (0..30_000).for_each(|index| count(1_000_000 + index % 10));
    assert_within_bounds(&sketch, &truth, "late leaders");
    let top = sketch.top(10);
    assert!(top.iter().all(|(value, _)| value.starts_with(b"value-100000")));
}

/// Half of the candidates were just dropped; a value that overtakes the others is still let in.
#[test]
fn a_small_new_leader_is_admitted() {
    let mut sketch = TopK::new(10);
    (0..160).for_each(|rank| sketch.update(&name(rank), 10));
    assert_eq!(sketch.top(usize::MAX).len(), 80);
    sketch.update(&name(1_000), 15);
    assert_eq!(sketch.top(1), vec![(name(1_000).into(), 15)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Beyond promotion the bounds hold for any merge tree, and the counters do not show it.
    #[test]
    fn merge_trees_stay_within_the_bound(seed: u64, parts in 2usize..12, distinct in 300usize..100_000) {
        let mut random = SplitMix(seed);
        let (_, truth) = count_zipf(&mut random, 20_000, distinct);
        let mut sketches = vec![TopK::new(10); parts];
        for (value, &count) in &truth {
            // Each value's count is split between two parts.
            let first = random.below(count as usize + 1) as u64;
            sketches[random.below(parts)].update(value, first);
            sketches[random.below(parts)].update(value, count - first);
        }
        let merged = merge_randomly(sketches, &mut random, TopK::merge);
        assert_within_bounds(&merged, &truth, "merged");
        let mut direct = TopK::new(10);
        truth.iter().for_each(|(value, &count)| direct.update(value, count));
        for (value, count) in merged.top(10) {
            let Content::Heavy(heavy) = &direct.content else { panic!("not promoted") };
            prop_assert_eq!(heavy.estimate(&value), count);
        }
    }

    /// Up to the limit the result is exact and a function of the counts alone.
    #[test]
    fn few_values_are_exact(seed: u64, distinct in 1u64..65, parts in 1usize..10, k in 0usize..70) {
        let mut random = SplitMix(seed);
        let mut sketches = vec![TopK::new(3); parts];
        let (mut direct, mut truth) = (TopK::new(3), Truth::new());
        for _ in 0..300 {
            let (value, count) = (name(random.next() % distinct), random.next() % 4);
            sketches[random.below(parts)].update(&value, count);
            direct.update(&value, count);
            if count > 0 {
                *truth.entry(value).or_default() += count;
            }
        }
        let merged = merge_randomly(sketches, &mut random, TopK::merge);
        prop_assert!(is_exact(&merged));
        prop_assert_eq!(merged.count_error(), 0);
        prop_assert_eq!(merged.top(k), exact_top(&truth, k));
        prop_assert_eq!(&merged, &direct);
        prop_assert_eq!(encoded(&merged), encoded(&direct));
    }

    #[test]
    fn survives_a_round_trip(seed: u64, updates in 0usize..3_000, distinct in 1usize..2_000) {
        let mut random = SplitMix(seed);
        let (mut original, _) = count_zipf(&mut random, updates, distinct);
        let mut decoded = TopK::decode(&encoded(&original)).unwrap();
        prop_assert_eq!(&decoded, &original);
        for _ in 0..500 {
            let value = name(random.zipf(10_000));
            original.update(&value, 2);
            decoded.update(&value, 2);
        }
        let (other, _) = count_zipf(&mut random, 1_000, 1_000);
        original.merge(&other);
        decoded.merge(&other);
        prop_assert_eq!(encoded(&decoded), encoded(&original));
    }

    #[test]
    fn damaged_bytes_are_survived(seed: u64, distinct in 1usize..300) {
        let mut random = SplitMix(seed);
        let (valid, _) = count_zipf(&mut random, 300, distinct);
        abuse_decoder(&encoded(&valid), seed, TopK::decode, |mut sketch, length| {
            assert!(sketch.heap_bytes() <= 83_000 + 100 * length, "{length} bytes");
            assert_eq!(TopK::decode(&encoded(&sketch)).as_ref(), Ok(&sketch));
            sketch.merge(&sketch.clone());
            (0..100).for_each(|rank| sketch.update(&name(rank), u64::MAX / 3));
            assert!(sketch.top(5).len() == 5);
        });
    }
}

#[test]
fn a_dense_encoding_that_no_counter_writes_is_refused() {
    let mut sketch = TopK::new(1);
    (0..100).for_each(|rank| sketch.update(&name(rank), 1));
    let bytes = encoded(&sketch);
    assert_eq!(bytes[4..6], [0, 100], "threshold and number of candidates");
    let changed = |at: usize, value: u8| TopK::decode(&[&bytes[..at], &[value], &bytes[at + 1..]].concat());
    assert!(changed(4, 100).is_ok(), "the sum of all counts is 100");
    assert!(changed(4, 101).unwrap_err().to_string().contains("threshold"));
    assert!(changed(5, 127).unwrap_err().to_string().contains("damaged"));
    let many = [&bytes[..5], &[0x80, 1], &bytes[6..]].concat();
    assert!(TopK::decode(&many).unwrap_err().to_string().contains("more candidates"));
}

#[test]
fn promotion_depends_on_the_set_size() {
    let (mut left, mut right) = (TopK::new(1), TopK::new(1));
    (0..40).for_each(|rank| left.update(&name(rank), 1));
    (24..64).for_each(|rank| right.update(&name(rank), 1));
    left.merge(&right);
    assert!(is_exact(&left));
    left.update(&name(64), 1);
    assert!(!is_exact(&left));
    assert_eq!(left.total(), 81);
    assert_eq!(left.top(1), vec![(name(24).into(), 2)]);
}

#[test]
fn counts_saturate() {
    let mut exact = TopK::new(1);
    exact.update(b"a", u64::MAX);
    exact.update(b"a", 5);
    assert_eq!(exact.top(1), vec![(b"a".as_slice().into(), u64::MAX)]);
    let mut heavy = exact.clone();
    (0..100).for_each(|rank| heavy.update(&name(rank), 1));
    heavy.merge(&heavy.clone());
    assert_eq!(heavy.total(), u64::MAX);
    assert_eq!(heavy.top(1), vec![(b"a".as_slice().into(), u64::MAX)]);
    assert_eq!(TopK::decode(&encoded(&heavy)), Ok(heavy));
}

#[test]
fn k_is_bounded() {
    assert_eq!(TopK::new(u16::MAX).k(), TopK::MAX_K);
    let mut wide = TopK::new(TopK::MAX_K);
    (0..20_000).for_each(|rank| wide.update(&name(rank), 1 + rank % 3));
    assert!(wide.top(usize::MAX).len() < 2 * usize::from(TopK::MAX_K));
    let mut narrow = TopK::new(0);
    narrow.merge(&wide);
    assert_eq!(narrow.k(), 0);
    assert!(narrow.top(usize::MAX).len() < 128);
    assert_eq!(narrow.total(), wide.total());
}

/// Format version 1, byte for byte: a change here needs a new version.
#[test]
fn the_encoding_is_stable() {
    let mut sketch = TopK::new(3);
    sketch.update(b"ORD", 1);
    sketch.update(b"ATL", 300);
    assert_eq!(encoded(&sketch), [1, 3, 0, 2, 3, b'A', b'T', b'L', 0xac, 2, 3, b'O', b'R', b'D', 1]);
    for rank in 0..63 {
        sketch.update(&[rank], 1);
    }
    let bytes = encoded(&sketch);
    // Threshold 0, 65 candidates, then at most 325 counters and as many runs of zeros.
    assert_eq!(bytes[..6], [1, 3, 0, 255, 0, 65]);
    assert!(bytes.len() < 2_000, "{}", bytes.len());
}

#[test]
fn is_small() {
    assert_eq!(size_of::<TopK>(), 32);
    assert_eq!(TopK::new(3).heap_bytes(), 0);
    let mut sketch = TopK::new(3);
    sketch.update(b"ATL", 1);
    assert_eq!(sketch.heap_bytes(), 64);
}
