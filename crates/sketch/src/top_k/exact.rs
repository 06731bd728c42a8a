//! The exact half of top-K: a short sorted list of values with their counts.

use super::TopK;
use crate::small_bytes::{Probe, SmallBytes};

/// At most [`TopK::EXACT_LIMIT`] distinct values, ascending, each with a count above zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExactCounts(Vec<Entry>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    value: SmallBytes,
    count: u64,
}

impl ExactCounts {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds to the count of `value`; `false` when it is new and the list is full.
    #[inline]
    pub(super) fn add(&mut self, value: &[u8], count: u64) -> bool {
        let probe = Probe::new(value);
        match self.0.binary_search_by(|entry| entry.value.compare(probe)) {
            Ok(at) => {
                let entry = &mut self.0[at];
                entry.count = entry.count.saturating_add(count);
                true
            }
            Err(at) => self.insert(at, value, count),
        }
    }

    #[inline]
    fn insert(&mut self, at: usize, value: &[u8], count: u64) -> bool {
        let fits = self.0.len() < TopK::EXACT_LIMIT;
        if fits {
            if self.0.len() == self.0.capacity() {
                // `Vec` alone would start with four, but most lists hold one or two.
                self.0.reserve_exact(self.0.len().max(2));
            }
            let value = SmallBytes::new(value);
            self.0.insert(at, Entry { value, count });
        }
        fits
    }

    /// Makes room for the values of `other`, as far as they can fit.
    pub(super) fn reserve_for(&mut self, other: &Self) {
        let room = TopK::EXACT_LIMIT.saturating_sub(self.0.len());
        self.0.reserve(other.0.len().min(room));
    }

    /// Appends an entry while decoding; `false` when it breaks the list's rules.
    pub(super) fn push_greatest(&mut self, value: &[u8], count: u64) -> bool {
        let last = self.0.last();
        let greater = last.is_none_or(|last| last.value.as_slice() < value);
        greater && count > 0 && self.insert(self.0.len(), value, count)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u64)> {
        self.0.iter().map(|entry| (entry.value.as_slice(), entry.count))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let values: usize = self.0.iter().map(|entry| entry.value.heap_bytes()).sum();
        self.0.capacity() * size_of::<Entry>() + values
    }
}
