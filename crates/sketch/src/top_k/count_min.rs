//! The Count-Min sketch: counts that are never too low, in fixed space.

use crate::SketchError;
use crate::codec::{Reader, put_sparse};

const DEPTH: usize = 5;
const WIDTH: usize = 1 << WIDTH_BITS;
const WIDTH_BITS: u32 = 11;
/// The share of all counts by which an estimate is too high at most, with probability 1 − e⁻⁵.
pub(super) const EPSILON: f64 = std::f64::consts::E / WIDTH as f64;

/// Five rows of 2,048 counters. A value adds to one counter a row; its estimate is the smallest of
/// its counters, since other values can only have added to them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CountMin {
    /// The sum of all counts, which is also the sum of each row.
    total: u64,
    rows: Box<[[u64; WIDTH]]>,
}

impl CountMin {
    pub(super) fn new() -> Self {
        Self { total: 0, rows: vec![[0; WIDTH]; DEPTH].into_boxed_slice() }
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Adds `count` for a value with this hash and returns the value's new estimate.
    #[inline]
    pub(super) fn add(&mut self, hash: u64, count: u64) -> u64 {
        self.total = self.total.saturating_add(count);
        let mut estimate = u64::MAX;
        for (row, column) in self.rows.iter_mut().zip(columns(hash)) {
            row[column] = row[column].saturating_add(count);
            estimate = estimate.min(row[column]);
        }
        estimate
    }

    #[inline]
    pub(super) fn estimate(&self, hash: u64) -> u64 {
        let counters = self.rows.iter().zip(columns(hash));
        counters.map(|(row, column)| row[column]).min().unwrap_or(u64::MAX)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let counters = self.rows.as_flattened_mut().iter_mut();
        let counters = counters.zip(other.rows.as_flattened());
        // No counter exceeds the total, so only an overflowing total calls for the slow addition.
        if let Some(total) = self.total.checked_add(other.total) {
            self.total = total;
            counters.for_each(|(counter, &theirs)| *counter = counter.wrapping_add(theirs));
        } else {
            self.total = u64::MAX;
            counters.for_each(|(counter, &theirs)| *counter = counter.saturating_add(theirs));
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.rows)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_sparse(out, self.rows.as_flattened().iter().copied());
    }

    /// Reads the counters; the total is the sum of each row.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, SketchError> {
        let mut decoded = Self::new();
        let counters = decoded.rows.as_flattened_mut();
        reader.sparse(DEPTH * WIDTH, |position, counter| {
            if let Some(slot) = counters.get_mut(position) {
                *slot = counter;
            }
        })?;
        let mut totals =
            decoded.rows.iter().map(|row| row.iter().fold(0u64, |sum, &counter| sum.saturating_add(counter)));
        decoded.total = totals.next().unwrap_or(0);
        if totals.any(|total| total != decoded.total) {
            return Err(reader.damaged("the rows of counters have different sums"));
        }
        Ok(decoded)
    }
}

/// The column in each row: separate bits of the hash, so the rows are as independent as its bits.
#[inline]
fn columns(hash: u64) -> [usize; DEPTH] {
    std::array::from_fn(|row| (hash >> (row as u32 * WIDTH_BITS)) as usize % WIDTH)
}
