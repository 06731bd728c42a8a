//! The dense half of the t-digest: centroids, and the buffer of values that are not among them yet.

use std::borrow::Cow;

use super::centroids::{Centroid, compress, merge_ascending};

/// Buffer length at which it is compressed into the centroids. Sorting and merging so many at once
/// keeps an update cheap; all of them together are about as large as the centroids.
pub(super) const BUFFER_LIMIT: usize = 512;

/// Ascending centroids and fewer than [`BUFFER_LIMIT`] values in order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Digest {
    pub(super) centroids: Vec<Centroid>,
    /// The sum of the centroids' weights.
    pub(super) weight: u64,
    pub(super) buffer: Vec<f64>,
}

impl Digest {
    /// A digest without centroids, of fewer than [`BUFFER_LIMIT`] values.
    pub(super) fn from_buffer(buffer: Vec<f64>) -> Self {
        Self { centroids: Vec::new(), weight: 0, buffer }
    }

    pub(super) fn count(&self) -> u64 {
        self.weight.saturating_add(self.buffer.len() as u64)
    }

    #[inline]
    pub(super) fn push(&mut self, value: f64) {
        self.make_room(1);
        self.buffer.push(value);
        if self.buffer.len() == BUFFER_LIMIT {
            self.flush();
        }
    }

    /// Grows the buffer to its final size in one step; doubling would overshoot it.
    #[inline]
    fn make_room(&mut self, additional: usize) {
        if self.buffer.capacity() - self.buffer.len() < additional {
            self.buffer.reserve_exact(BUFFER_LIMIT - self.buffer.len());
        }
    }

    /// The same as pushing each value.
    pub(super) fn extend(&mut self, mut values: &[f64]) {
        while !values.is_empty() {
            let fitting = values.len().min(BUFFER_LIMIT - self.buffer.len());
            self.make_room(fitting);
            let (now, later) = values.split_at(fitting);
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == BUFFER_LIMIT {
                self.flush();
            }
            values = later;
        }
    }

    /// Compresses the centroids of both at once; the other's buffer is pushed value by value.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.centroids.is_empty() {
            self.centroids.clone_from(&other.centroids);
            self.weight = other.weight;
        } else if !other.centroids.is_empty() {
            self.weight = self.weight.saturating_add(other.weight);
            let others = other.centroids.iter().copied();
            self.centroids = compress(&merge_ascending(&self.centroids, others), self.weight);
        }
        self.extend(&other.buffer);
    }

    fn flush(&mut self) {
        self.weight = self.count();
        self.centroids = compress(&self.sorted(), self.weight);
        self.buffer.clear();
    }

    /// All centroids with the buffered values among them, ascending and uncompressed.
    pub(super) fn sorted(&self) -> Cow<'_, [Centroid]> {
        if self.buffer.is_empty() {
            return Cow::Borrowed(&self.centroids);
        }
        let mut values = self.buffer.clone();
        values.sort_unstable_by(f64::total_cmp);
        Cow::Owned(merge_ascending(&self.centroids, values.into_iter().map(Centroid::single)))
    }

    pub(super) fn min(&self) -> Option<f64> {
        let centroid = self.centroids.first().map(|centroid| centroid.mean);
        self.buffer.iter().copied().chain(centroid).reduce(f64::min)
    }

    pub(super) fn max(&self) -> Option<f64> {
        let centroid = self.centroids.last().map(|centroid| centroid.mean);
        self.buffer.iter().copied().chain(centroid).reduce(f64::max)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.centroids.capacity() * size_of::<Centroid>() + self.buffer.capacity() * size_of::<f64>()
    }
}
