//! The fewest tokens, likeliest first, that together have a part of the weight (Holtzman et al. 2020, "nucleus sampling").

use crate::weights::{entry, weight_of};

/// Finds the last entry of the nucleus among tokens that weigh at least `least` ≥ 1; at least the likeliest is in it. `entries` is
/// memory to work in. Expected O(tokens): weights are summed up by their size, and only those of one size are compared.
pub(crate) fn last(weights: &[u64], tokens: &[u32], least: u64, part: f64, entries: &mut Vec<u64>) -> u64 {
    let mut sums = [0u64; 65];
    for &weight in weights {
        // By the number of bits.
        sums[64 - weight.leading_zeros() as usize] += if weight >= least { weight } else { 0 };
    }
    let total = sums.iter().sum::<u64>();
    let mut missing = ((part * total as f64).ceil() as u64).clamp(1, total.max(1));
    let mut bits = 64;
    while bits > 0 && sums[bits] < missing {
        missing -= sums[bits];
        bits -= 1;
    }
    entries.clear();
    for (&weight, &token) in weights.iter().zip(tokens) {
        if weight >= least && 64 - weight.leading_zeros() as usize == bits {
            entries.push(entry(weight, token));
        }
    }
    reaching(entries, missing)
}

/// The entry with which the greatest ones, added up in their order, reach `missing`; by halving, expected O(entries).
fn reaching(mut entries: &mut [u64], mut missing: u64) -> u64 {
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
    entries.first().copied().unwrap_or(0)
}
