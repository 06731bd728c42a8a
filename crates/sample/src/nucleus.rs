//! The fewest tokens, likeliest first, that together have a part of the weight (Holtzman et al. 2020, "nucleus sampling").

use crate::weights::{WEIGHT_MAX, entry, weight_of};

/// How much lighter than the heaviest token are those that are looked at first, as a power of 2: hardly any, and yet they are mostly
/// enough.
const FIRST: u32 = 10;

/// How much further it is looked each time that they were not.
const FURTHER: u32 = 8;

/// Tokens that are left: those whose [`entry`] is not below `last`. They weigh `total` together.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) last: u64,
    pub(crate) total: u64,
}

/// Cuts off what is not in the nucleus of the tokens that weigh at least `least` ≥ 1 and `total` ≥ 1 together; the likeliest always
/// stays. `entries` is memory to work in. Expected O(tokens).
pub(crate) fn cut(weights: &[u64], tokens: &[u32], least: u64, total: u64, part: f64, entries: &mut Vec<u64>) -> Cut {
    let missing = ((part * total as f64).ceil() as u64).clamp(1, total);
    let mut from = WEIGHT_MAX >> FIRST;
    loop {
        from = from.max(least);
        entries.clear();
        let mut sum = 0;
        for (&weight, &token) in weights.iter().zip(tokens) {
            if weight >= from {
                sum += weight;
                entries.push(entry(weight, token));
            }
        }
        if sum >= missing || from == least {
            return reaching(entries, missing);
        }
        from >>= FURTHER;
    }
}

/// Cuts behind the entry with which the greatest ones, added up in their order, reach `wanted`; by halving, expected O(entries).
fn reaching(mut entries: &mut [u64], wanted: u64) -> Cut {
    let mut missing = wanted;
    while entries.len() > 1 {
        let half = entries.len() / 2;
        entries.select_nth_unstable_by(half, |one, other| other.cmp(one));
        let (greater, smaller) = entries.split_at_mut(half);
        let sum = greater.iter().map(|&entry| weight_of(entry)).sum::<u64>();
        entries = if sum >= missing {
            greater
        } else {
            missing -= sum;
            smaller
        };
    }
    let last = entries.first().copied().unwrap_or(0);
    Cut { last, total: wanted - missing + weight_of(last) }
}
