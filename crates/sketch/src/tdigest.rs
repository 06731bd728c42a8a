//! Approximate quantiles: an exact list first, a merging t-digest beyond.

mod centroids;
mod codec;
mod digest;
#[cfg(test)]
mod tests;

use self::centroids::interpolate;
use self::digest::Digest;
use crate::small_list::SmallList;

/// Estimates quantiles of a stream of floats: exactly up to [`TDigest::EXACT_LIMIT`] values, then by
/// a merging t-digest with compression 200.
///
/// - **Definition.** The quantile q of n values is the linear interpolation at position q · (n − 1)
///   of the sorted values, counted from 0: SQL's `quantile_cont`. Where one neighbour is infinite
///   there is nothing to interpolate and the nearer one is the answer.
/// - **Error.** Up to the limit the definition holds exactly. Beyond it, the answer lies between the
///   exact quantiles q − e and q + e with e = [`TDigest::rank_error`]`(q)`: 0.8 % of the ranks at
///   the median, 0.16 % at p99, nothing at both ends, where minimum and maximum are exact. No merging
///   digest has a proven bound; the tests hold this one to e, the share of the ranks that one centroid
///   may cover, over many distributions, orders and merge trees. Values spread evenly over more than
///   about a hundred orders of magnitude can miss it several times over, because the mean of a
///   centroid then is that of its largest members.
/// - **Determinism.** State and answers are a function of the sequence of updates and merges alone:
///   values wait in a buffer that is compressed when it holds 512 of them, and never because
///   somebody asks, encodes or decodes. Only exactly rounded operations are used, so platforms agree.
/// - **Values.** ±∞ are values like others, −0 is 0. NaN has no rank and is not counted: a caller to whom
///   it means something tests for it before.
/// - **Cost.** 24 bytes; up to two values nothing on the heap, about 8 bytes a value while exact, at
///   most about 11 KiB beyond. Update O(1) amortised, merge O(values held), quantile O(values held)
///   plus sorting at most 512 of them.
///
/// Sources: Dunning and Ertl, "Computing extremely accurate quantiles using t-digests" (2019),
/// for the algorithm and the scale function k₁.
///
/// ```
/// use headrace_sketch::TDigest;
///
/// let mut delays = TDigest::new();
/// for minutes in [3.0, -1.0, 12.0, 7.0] {
///     delays.update(minutes);
/// }
/// assert_eq!(delays.quantile(0.5), Some(5.0));
/// assert_eq!(delays.max(), Some(12.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TDigest(Content);

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// The values in order of arrival, at most [`TDigest::EXACT_LIMIT`] of them.
    Exact(SmallList<f64>),
    Digest(Box<Digest>),
}

impl Default for TDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl TDigest {
    /// The number of values up to which all of them are kept.
    pub const EXACT_LIMIT: usize = 128;

    /// A digest that has seen nothing; allocates nothing.
    pub const fn new() -> Self {
        Self(Content::Exact(SmallList::Empty))
    }

    /// The rank error at quantile `q` that [`quantile`](Self::quantile) is held to beyond the exact
    /// limit, as a fraction of the count.
    pub fn rank_error(q: f64) -> f64 {
        centroids::SPAN * (q * (1.0 - q)).max(0.0).sqrt()
    }

    /// Adds a value; NaN is ignored.
    #[inline]
    pub fn update(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        // Turns −0 into 0: which of two equal values is the minimum must not show.
        let value = value + 0.0;
        match &mut self.0 {
            Content::Exact(values) if values.len() < Self::EXACT_LIMIT => values.push(value),
            Content::Exact(_) => self.promote().push(value),
            Content::Digest(digest) => digest.push(value),
        }
    }

    /// Adds everything that `other` has seen.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Content::Exact(values), Content::Exact(others)) => {
                let others = others.as_slice();
                if values.len() + others.len() <= Self::EXACT_LIMIT {
                    values.extend(others);
                } else {
                    self.promote().extend(others);
                }
            }
            (Content::Exact(values), Content::Digest(others)) => {
                let mut digest = others.clone();
                digest.extend(values.as_slice());
                self.0 = Content::Digest(digest);
            }
            (Content::Digest(digest), Content::Exact(others)) => digest.extend(others.as_slice()),
            (Content::Digest(digest), Content::Digest(others)) => digest.merge(others),
        }
    }

    /// The value at quantile `q`; `None` when nothing was seen or `q` is not within 0 to 1.
    ///
    /// Changes nothing. For several quantiles of one digest, [`quantiles`](Self::quantiles) sorts once.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let mut answer = [None];
        self.answer(&[q], &mut answer);
        let [answer] = answer;
        answer
    }

    /// The values at several quantiles, in the order asked for.
    pub fn quantiles(&self, qs: &[f64]) -> Vec<Option<f64>> {
        let mut answers = vec![None; qs.len()];
        self.answer(qs, &mut answers);
        answers
    }

    fn answer(&self, qs: &[f64], answers: &mut [Option<f64>]) {
        match &self.0 {
            Content::Exact(values) => {
                let values = values.as_slice();
                // Small enough for the stack: a firing asks this of every key.
                let mut sorted = [0.0; Self::EXACT_LIMIT];
                let (sorted, _) = sorted.split_at_mut(values.len().min(Self::EXACT_LIMIT));
                sorted.copy_from_slice(values);
                sorted.sort_unstable_by(f64::total_cmp);
                for (&q, answer) in qs.iter().zip(answers) {
                    *answer = exact_quantile(sorted, q);
                }
            }
            Content::Digest(digest) => {
                let sorted = digest.sorted();
                for (&q, answer) in qs.iter().zip(answers) {
                    *answer = centroids::quantile(&sorted, digest.count(), q);
                }
            }
        }
    }

    /// How many values were seen, NaN not counted.
    pub fn count(&self) -> u64 {
        match &self.0 {
            Content::Exact(values) => values.len() as u64,
            Content::Digest(digest) => digest.count(),
        }
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The exact smallest value. O(values held unsorted).
    pub fn min(&self) -> Option<f64> {
        match &self.0 {
            Content::Exact(values) => values.as_slice().iter().copied().reduce(f64::min),
            Content::Digest(digest) => digest.min(),
        }
    }

    /// The exact largest value. O(values held unsorted).
    pub fn max(&self) -> Option<f64> {
        match &self.0 {
            Content::Exact(values) => values.as_slice().iter().copied().reduce(f64::max),
            Content::Digest(digest) => digest.max(),
        }
    }

    /// Bytes allocated on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Content::Exact(values) => values.heap_bytes(),
            Content::Digest(digest) => size_of::<Digest>() + digest.heap_bytes(),
        }
    }

    /// Leaves exact mode; the list becomes the first content of the buffer.
    #[cold]
    fn promote(&mut self) -> &mut Digest {
        if let Content::Exact(values) = &mut self.0 {
            self.0 = Content::Digest(Box::new(Digest::from_buffer(values.take())));
        }
        match &mut self.0 {
            Content::Digest(digest) => digest,
            Content::Exact(_) => unreachable!("the list was turned into a digest above"),
        }
    }
}

/// SQL's `quantile_cont` over sorted values.
fn exact_quantile(sorted: &[f64], q: f64) -> Option<f64> {
    if !(0.0..=1.0).contains(&q) {
        return None;
    }
    let position = q * sorted.len().checked_sub(1)? as f64;
    let below = *sorted.get(position as usize)?;
    let above = sorted.get(position as usize + 1).copied().unwrap_or(below);
    Some(interpolate(below, above, position.fract()))
}
