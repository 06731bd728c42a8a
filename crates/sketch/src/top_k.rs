//! The most frequent values: exact counts first, Count-Min with bounded candidates beyond.

mod codec;
mod count_min;
mod exact;
mod heavy;
#[cfg(test)]
mod tests;

use self::exact::ExactCounts;
use self::heavy::HeavyHitters;

/// Finds the most frequent byte strings: exactly up to [`TopK::EXACT_LIMIT`] distinct values, then by
/// a Count-Min sketch with a bounded set of candidates.
///
/// - **Error.** While exact, counts are exact. Beyond, with N the sum of all counts: a count is never
///   too low, and each is too high by more than ε·N, ε = e / 2048 ≈ 0.133 %, with probability at most
///   δ = e⁻⁵ ≈ 0.7 %. Every value that makes up more than 1 / max(8·k, 64) + ε of N is among the
///   candidates, for any merge tree (with the same δ).
/// - **Determinism.** While exact, state and answer are functions of the counted values alone; beyond,
///   the counters are, and the candidates are a function of the sequence of updates and merges.
/// - **Hash.** MurmurHash3 x64 128 with seed 9001: its first half identifies a candidate, 11
///   bits of its second half choose the counter in each row.
/// - **Cost.** 32 bytes; empty nothing on the heap, 32 bytes a value while exact (values above 22
///   bytes allocate on their own), 80 KiB and the candidates beyond. Update O(log n) to find plus a
///   short move.
///
/// Counts saturate at 2⁶⁴ − 1.
///
/// Sources: Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its
/// applications" (2005), section 5 for heavy hitters.
///
/// ```
/// use headrace_sketch::TopK;
///
/// let mut busiest = TopK::new(2);
/// for airport in ["ATL", "ORD", "ATL", "DFW", "DFW", "ATL"] {
///     busiest.update(airport.as_bytes(), 1);
/// }
/// let top = busiest.top(2);
/// assert_eq!(&*top[0].0, b"ATL");
/// assert_eq!(top[0].1, 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TopK {
    k: u16,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Exact(ExactCounts),
    Heavy(Box<HeavyHitters>),
}

impl TopK {
    /// The number of distinct values up to which all of them are counted exactly.
    pub const EXACT_LIMIT: usize = 64;

    /// The largest number of values that [`top`](Self::top) is good for. Candidates are bounded by it
    /// too: below a share of 1 / 4096 of all counts the error of Count-Min drowns the order anyway.
    pub const MAX_K: u16 = 4096;

    /// A counter meant to be asked for `k` values, at most [`MAX_K`](Self::MAX_K) (larger ones are
    /// cut to it); allocates nothing.
    pub const fn new(k: u16) -> Self {
        Self { k: if k < Self::MAX_K { k } else { Self::MAX_K }, content: Content::Exact(ExactCounts::new()) }
    }

    /// Adds `count` to the count of `value`; a count of 0 changes nothing.
    #[inline]
    pub fn update(&mut self, value: &[u8], count: u64) {
        if count == 0 {
            return;
        }
        match &mut self.content {
            Content::Exact(counts) => {
                if !counts.add(value, count) {
                    self.promote().add(value, count);
                }
            }
            Content::Heavy(heavy) => heavy.add(value, count),
        }
    }

    /// Adds everything that `other` has counted; this counter keeps its own k.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.content, &other.content) {
            (Content::Exact(counts), Content::Exact(others)) => {
                if counts.is_empty() {
                    counts.clone_from(others);
                    return;
                }
                counts.reserve_for(others);
                for (value, count) in others.iter() {
                    self.update(value, count);
                }
            }
            (Content::Exact(counts), Content::Heavy(others)) => {
                let mut heavy = Box::new(HeavyHitters::new(self.k));
                heavy.merge(others);
                counts.iter().for_each(|(value, count)| heavy.add(value, count));
                self.content = Content::Heavy(heavy);
            }
            (Content::Heavy(heavy), Content::Exact(others)) => {
                others.iter().for_each(|(value, count)| heavy.add(value, count))
            }
            (Content::Heavy(heavy), Content::Heavy(others)) => heavy.merge(others),
        }
    }

    /// The `k` most frequent values with their counts, by count descending, then by value.
    pub fn top(&self, k: usize) -> Vec<(Box<[u8]>, u64)> {
        let top = self.top_borrowed(k).into_iter();
        top.map(|(value, count)| (value.into(), count)).collect()
    }

    /// As [`top`](Self::top), without copying the values. O(values held).
    pub fn top_borrowed(&self, k: usize) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> = match &self.content {
            Content::Exact(counts) => counts.iter().collect(),
            Content::Heavy(heavy) => heavy.candidates().collect(),
        };
        let order = |left: &(&[u8], u64), right: &(&[u8], u64)| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0));
        if k < all.len() {
            all.select_nth_unstable_by(k, order);
            all.truncate(k);
        }
        all.sort_unstable_by(order);
        all
    }

    /// The number of values that this counter was made for.
    pub fn k(&self) -> u16 {
        self.k
    }

    /// The sum of all counts.
    pub fn total(&self) -> u64 {
        match &self.content {
            Content::Exact(counts) => counts.iter().fold(0, |sum, (_, count)| sum.saturating_add(count)),
            Content::Heavy(heavy) => heavy.total(),
        }
    }

    /// By how much a reported count may be too high (with probability 1 − e⁻⁵): 0 while exact,
    /// e / 2048 of [`total`](Self::total) beyond.
    pub fn count_error(&self) -> u64 {
        match &self.content {
            Content::Exact(_) => 0,
            Content::Heavy(heavy) => (count_min::EPSILON * heavy.total() as f64).ceil() as u64,
        }
    }

    /// Whether nothing has been counted yet.
    pub fn is_empty(&self) -> bool {
        matches!(&self.content, Content::Exact(counts) if counts.is_empty())
    }

    /// Bytes allocated on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.content {
            Content::Exact(counts) => counts.heap_bytes(),
            Content::Heavy(heavy) => size_of::<HeavyHitters>() + heavy.heap_bytes(),
        }
    }

    /// Leaves exact mode; every value counted so far becomes a candidate.
    #[cold]
    fn promote(&mut self) -> &mut HeavyHitters {
        if let Content::Exact(counts) = &self.content {
            let mut heavy = Box::new(HeavyHitters::new(self.k));
            counts.iter().for_each(|(value, count)| heavy.add(value, count));
            self.content = Content::Heavy(heavy);
        }
        match &mut self.content {
            Content::Heavy(heavy) => heavy,
            Content::Exact(_) => unreachable!("the counts were turned into a sketch above"),
        }
    }
}
