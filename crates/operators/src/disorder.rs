//! The observed disorder: how far event time runs back, as a histogram from which a lag can be chosen.

use headrace_core::time::Micros;

/// Each power of two is cut into 2^PARTS_BITS buckets of equal width.
const PARTS_BITS: u32 = 5;
/// Buckets for all numbers below 2^64.
const BUCKETS: usize = 64 << PARTS_BITS;
// What a float's bits are above their place among the buckets: the bias of its exponent, which counts powers of two.
const BIAS: usize = 1023 << PARTS_BITS;
const CUT: u32 = f64::MANTISSA_DIGITS - 1 - PARTS_BITS;

/// How many rows had which disorder. A lag that is at least the disorder of a row keeps that row from being late.
///
/// A disorder below 64 µs is kept exactly, a larger one as the [largest of its bucket](Disorder::buckets), which is at
/// most 1/32 above it. Memory is fixed, 32 KiB; a row costs O(1), less than a nanosecond.
#[derive(Debug)]
pub(crate) struct Disorder {
    // Neighbours go into different tables: often they are of the same bucket, and would wait for each other.
    rows: Box<[[u64; BUCKETS]; 2]>,
    // The largest disorder, and one more.
    above: Micros,
}

impl Default for Disorder {
    fn default() -> Self {
        Disorder { rows: Box::new([[0; BUCKETS]; 2]), above: 1 }
    }
}

impl Disorder {
    /// Records one row by the largest event time before it, which is no infinity, and its own; `row` is its number.
    #[inline(always)]
    pub(crate) fn record(&mut self, row: usize, largest: Micros, time: Micros) {
        // One more than the disorder, because 0 has no power of two.
        let above = largest.wrapping_sub(time).wrapping_add(1).max(1);
        self.above = self.above.max(above);
        self.rows[row % 2][place(above)] += 1;
    }

    /// The buckets with rows in them, in ascending order: the largest disorder of the bucket in µs (that of the last one
    /// is the largest of all), and its rows.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Micros, u64)> {
        let [even, odd] = &*self.rows;
        let rows = |bucket: usize| even[(bucket + BIAS) % BUCKETS] + odd[(bucket + BIAS) % BUCKETS];
        let all = (0..BUCKETS).map(move |bucket| (bucket, rows(bucket)));
        all.filter(|(_, rows)| *rows > 0).map(|(bucket, rows)| (upper(bucket).min(self.above - 1), rows))
    }
}

// Where a disorder is counted, by `above`, which is one more than it, because 0 has no power of two. The bits of a float
// are its power of two followed by its place within it, which is what a bucket is; its bias is taken off when the table
// is read. Above 2^53 µs rounding may move a disorder up by one bucket.
#[inline]
fn place(above: Micros) -> usize {
    ((above as f64).to_bits() >> CUT) as usize % BUCKETS
}

// The largest disorder of a bucket: the last whole number below the start of the next, less one.
fn upper(bucket: usize) -> Micros {
    let next = f64::from_bits(((bucket + 1 + BIAS) as u64) << CUT);
    next.ceil() as Micros - 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_thirty_second_above_what_is_in_it() {
        let edges = (0..62).flat_map(|power| [-1, 0, 1].map(|offset| (1i64 << power) + offset));
        let within = (0..62).flat_map(|power| (0..97).map(move |part| (1i64 << power) + ((1i64 << power) / 97) * part));
        for disorder in edges.chain(within).chain(0..=200) {
            let bound = upper((place(disorder + 1) + BUCKETS - BIAS % BUCKETS) % BUCKETS);
            assert!(bound >= disorder && bound - disorder <= disorder / 32, "{disorder}: {bound}");
        }
    }

    #[test]
    fn every_row_is_in_one_bucket_and_none_is_above_the_largest() {
        let mut disorder = Disorder::default();
        assert_eq!(disorder.buckets().count(), 0);
        for (row, behind) in [0, 3, 0, 1_000_003, -9, 3, 3].into_iter().enumerate() {
            disorder.record(row, 5, 5 - behind);
        }
        assert_eq!(disorder.buckets().collect::<Vec<_>>(), [(0, 3), (3, 3), (1_000_003, 1)]);
    }
}
