//! The dense half of top-K: Count-Min counters, and the values worth asking them about.

use super::TopK;
use super::count_min::CountMin;
use crate::SketchError;
use crate::codec::{Reader, put_varint};
use crate::murmur3::{DATASKETCHES_SEED, hash128};
use crate::small_bytes::SmallBytes;

/// Counters for all values, and the names of those that may be among the most frequent.
///
/// Candidates accumulate up to twice the number that is kept, then those with the smallest estimates
/// go. A value is admitted when an update lifts its estimate above what the last candidate kept then
/// had: whoever is turned away has at least `kept` candidates ahead of it, and estimates never
/// shrink. So a value that is missing at the end has at most the count of the last one kept, in each
/// counter that was merged, which is at most a share of 1 / kept + ε of that counter's total.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HeavyHitters {
    counters: CountMin,
    /// Ascending by hash, then value; fewer than twice `kept`.
    candidates: Vec<Candidate>,
    kept: usize,
    /// An estimate that at least `kept` candidates have reached; 0 before the first pruning.
    threshold: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    hash: u64,
    /// The half of the hash that chooses the counters.
    counters: u64,
    value: SmallBytes,
}

impl Candidate {
    fn new(value: &[u8]) -> Self {
        let (hash, counters) = hash128(value, DATASKETCHES_SEED);
        Self { hash, counters, value: SmallBytes::new(value) }
    }
}

impl HeavyHitters {
    pub(super) fn new(k: u16) -> Self {
        Self { counters: CountMin::new(), candidates: Vec::new(), kept: kept(k), threshold: 0 }
    }

    #[inline]
    pub(super) fn add(&mut self, value: &[u8], count: u64) {
        let (hash, counters) = hash128(value, DATASKETCHES_SEED);
        if self.counters.add(counters, count) > self.threshold {
            let found = self.candidates.binary_search_by(|candidate| {
                let order = candidate.hash.cmp(&hash);
                order.then_with(|| candidate.value.as_slice().cmp(value))
            });
            if let Err(at) = found {
                let value = SmallBytes::new(value);
                let candidate = Candidate { hash, counters, value };
                self.candidates.insert(at, candidate);
                self.prune();
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        self.candidates.extend(other.candidates.iter().cloned());
        self.candidates.sort();
        self.candidates.dedup();
        // Holds for whichever side it came from, unless that side kept fewer than this one does.
        if other.kept >= self.kept {
            self.threshold = self.threshold.max(other.threshold);
        }
        self.prune();
    }

    /// Keeps the candidates with the largest estimates (of equal ones, the smallest values) when there
    /// are twice too many.
    fn prune(&mut self) {
        if self.candidates.len() < 2 * self.kept {
            return;
        }
        let mut ranked: Vec<(u64, Candidate)> = self
            .candidates
            .drain(..)
            .map(|candidate| (self.counters.estimate(candidate.counters), candidate))
            .collect();
        let (_, last, _) = ranked.select_nth_unstable_by(self.kept - 1, |left, right| {
            let order = right.0.cmp(&left.0);
            order.then_with(|| left.1.value.cmp(&right.1.value))
        });
        self.threshold = last.0;
        ranked.truncate(self.kept);
        self.candidates.extend(ranked.into_iter().map(|(_, candidate)| candidate));
        self.candidates.sort_unstable();
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.candidates.iter().map(|candidate| {
            let estimate = self.counters.estimate(candidate.counters);
            (candidate.value.as_slice(), estimate)
        })
    }

    /// The estimated count of any value, candidate or not.
    #[cfg(test)]
    pub(super) fn estimate(&self, value: &[u8]) -> u64 {
        let (_, counters) = hash128(value, DATASKETCHES_SEED);
        self.counters.estimate(counters)
    }

    pub(super) fn total(&self) -> u64 {
        self.counters.total()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let values = self.candidates.iter();
        let values: usize = values.map(|candidate| candidate.value.heap_bytes()).sum();
        self.candidates.capacity() * size_of::<Candidate>() + values + self.counters.heap_bytes()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.threshold);
        put_varint(out, self.candidates.len() as u64);
        for candidate in &self.candidates {
            put_value(out, candidate.value.as_slice());
        }
        self.counters.encode(out);
    }

    pub(super) fn decode(reader: &mut Reader<'_>, k: u16) -> Result<Self, SketchError> {
        let threshold = reader.varint()?;
        let count = reader.length()?;
        let kept = kept(k);
        // Checked before anything is allocated for them.
        if count >= 2 * kept {
            return Err(reader.damaged("there are more candidates than the limit"));
        }
        let mut candidates: Vec<Candidate> = Vec::new();
        for _ in 0..count {
            let candidate = Candidate::new(take_value(reader)?);
            if candidates.last().is_some_and(|last| *last >= candidate) {
                return Err(reader.damaged("candidates are not a sorted set"));
            }
            candidates.push(candidate);
        }
        // Checked before the counters are allocated: so many values justify them.
        if candidates.len() < TopK::EXACT_LIMIT {
            return Err(reader.damaged("so few values would have been counted exactly"));
        }
        let counters = CountMin::decode(reader)?;
        if threshold > counters.total() {
            return Err(reader.damaged("the threshold is above the sum of all counts"));
        }
        Ok(Self { counters, candidates, kept, threshold })
    }
}

/// How many candidates are kept for the `k` most frequent values.
fn kept(k: u16) -> usize {
    (usize::from(k) * 8).clamp(TopK::EXACT_LIMIT, usize::from(TopK::MAX_K))
}

/// Appends a value behind its length.
pub(super) fn put_value(out: &mut Vec<u8>, value: &[u8]) {
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Reads a value behind its length, without copying it.
pub(super) fn take_value<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], SketchError> {
    let length = reader.length()?;
    reader.take(length)
}
