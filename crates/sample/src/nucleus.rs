//! The fewest tokens, likeliest first, that together have a part of the weight (Holtzman et al. 2020, "nucleus sampling").

use std::ops::Range;

use crate::{
    weights::{Heavy, WEIGHT_MAX, entry, heavy, weight_of},
    wide::{Loop, widest},
};

/// So many tokens are compared with each other; of more, the weights are bisected first, which takes no comparison that a
/// processor could guess wrong.
const COMPARED: u64 = 512;

/// So many weights are passed over together if none of them is in the range.
const CHUNK: usize = 32;

/// Tokens that are left: those whose [`entry`] is not below `last`. They weigh `total` together.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) last: u64,
    pub(crate) total: u64,
}

/// Cuts off what is not in the nucleus of the tokens that weigh at least `least` ≥ 1 and `total` ≥ 1 together; the likeliest always
/// stays. `entries` is memory to work in. O(tokens): one pass for each step of the bisection, of which there are 2 or 3 for rows with
/// a clear favourite, some ten for flat ones, and 50 at most.
pub(crate) fn cut(weights: &[u64], tokens: &[u32], least: u64, total: u64, part: f64, entries: &mut Vec<u64>) -> Cut {
    let wanted = ((part * total as f64).ceil() as u64).clamp(1, total);
    // The last weight of the nucleus is in this range: what is above weighs less than is wanted, and with it more.
    let mut range = least..WEIGHT_MAX + 1;
    let mut above = Heavy::default();
    let mut within = tokens.len() as u64;
    while within > COMPARED && range.end - range.start > 1 {
        let middle = middle(&range);
        let found = heavy(middle, weights);
        if found.sum >= wanted {
            range.start = middle;
            within = found.count - above.count;
        } else {
            range.end = middle;
            within -= found.count - above.count;
            above = found;
        }
    }
    entries.clear();
    widest(Gather { weights, tokens, range, entries });
    let Cut { last, total } = reaching(entries, wanted - above.sum);
    Cut { last, total: above.sum + total }
}

/// Collects the entries of weights in a range.
struct Gather<'a> {
    weights: &'a [u64],
    tokens: &'a [u32],
    range: Range<u64>,
    entries: &'a mut Vec<u64>,
}

impl Loop for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (start, length) = (self.range.start, self.range.end - self.range.start);
        for (weights, tokens) in self.weights.chunks(CHUNK).zip(self.tokens.chunks(CHUNK)) {
            let mut some = false;
            for &weight in weights {
                some |= weight.wrapping_sub(start) < length;
            }
            if !some {
                continue;
            }
            for (&weight, &token) in weights.iter().zip(tokens) {
                if weight.wrapping_sub(start) < length {
                    self.entries.push(entry(weight, token));
                }
            }
        }
    }
}

/// Halves the range: first by the number of bits, because most weights are small, and then by value.
fn middle(range: &Range<u64>) -> u64 {
    let (low, high) = (range.start.ilog2(), range.end.ilog2());
    if high - low > 1 { 1 << ((low + high).div_ceil(2)) } else { range.start.midpoint(range.end) }
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
