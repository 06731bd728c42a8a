//! Approximate number of distinct values: an exact set of hashes first, HyperLogLog beyond.

mod export;
mod registers;
#[cfg(test)]
mod tests;

use self::registers::Registers;
use crate::SketchError;
use crate::codec::{Reader, put_sparse};
use crate::murmur3::{DATASKETCHES_SEED, hash128};
use crate::small_list::SmallList;

const SKETCH: &str = "distinct counter";
const VERSION: u8 = 1;
/// The second byte of a dense encoding; smaller values are the length of an exact one.
const DENSE: u8 = 255;
/// Bits of the hash that choose a register; the six bits above them hold the register's value.
const ADDRESS_BITS: u32 = 58;

/// The hash of one value, as [`Distinct`] consumes it: 58 address bits and the 6-bit register value
/// that HyperLogLog derives from the other half of the hash.
///
/// A caller that meets a value often (a dictionary entry, say) hashes it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueHash(u64);

impl ValueHash {
    /// Hashes a byte string; text is hashed as its UTF-8 bytes. O(length).
    #[inline]
    pub fn of_bytes(value: &[u8]) -> Self {
        let (address, rest) = hash128(value, DATASKETCHES_SEED);
        // 62 leading zeros and more share a register value, so that it fits in six bits.
        let register = u64::from(rest.leading_zeros().min(62)) + 1;
        Self(address << (64 - ADDRESS_BITS) >> (64 - ADDRESS_BITS) | register << ADDRESS_BITS)
    }

    /// Hashes an integer as its eight little-endian bytes.
    #[inline]
    pub fn of_i64(value: i64) -> Self {
        Self::of_bytes(&value.to_le_bytes())
    }

    /// Hashes a float as the eight little-endian bytes of its bits, with −0 = 0 and a single NaN.
    #[inline]
    pub fn of_f64(value: f64) -> Self {
        let canonical = if value.is_nan() { f64::NAN } else { value + 0.0 };
        Self::of_bytes(&canonical.to_bits().to_le_bytes())
    }

    /// The register value, 1 to 63.
    #[inline]
    fn register(self) -> u8 {
        (self.0 >> ADDRESS_BITS) as u8
    }

    /// The hash in DataSketches' narrower form: 26 address bits below the register value.
    fn coupon(self) -> u32 {
        u32::from(self.register()) << 26 | self.0 as u32 & ((1 << 26) - 1)
    }
}

/// Counts distinct values: exactly up to [`Distinct::EXACT_LIMIT`], then by HyperLogLog with 4,096
/// registers.
///
/// - **Error.** Up to the limit the answer is exact unless two 64-bit hashes collide (probability
///   below 10⁻¹⁴). Beyond it the relative standard error is 1.04 / √4096 = 1.63 %, at any count.
/// - **Determinism.** State and estimate are functions of the *set* of values alone: neither order
///   nor the shape of the merge tree matters, to the last bit.
/// - **Compatibility.** Values hash exactly as in Apache DataSketches (MurmurHash3 x64 128, seed
///   9001), and registers are those of its HLL with lgK = 12.
/// - **Cost.** 24 bytes; up to two values nothing on the heap, at most 512 bytes while exact, 4 KiB
///   dense. Update O(1) dense, O(log n) to find plus a short move while exact. Merge O(n) exact,
///   4 KiB of byte maxima dense.
///
/// ```
/// use headrace_sketch::Distinct;
///
/// let mut monday = Distinct::new();
/// let mut tuesday = Distinct::new();
/// monday.update_bytes(b"Lisbon");
/// tuesday.update_bytes(b"Lisbon");
/// tuesday.update_bytes(b"Porto");
/// monday.merge(&tuesday);
/// assert_eq!(monday.estimate(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Distinct(Content);

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// Ascending, without duplicates, at most [`Distinct::EXACT_LIMIT`] long.
    Exact(SmallList<ValueHash>),
    Dense(Box<Registers>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::new()
    }
}

impl Distinct {
    /// The number of distinct values up to which counting is exact.
    pub const EXACT_LIMIT: usize = 64;

    /// A counter that has seen nothing; allocates nothing.
    pub const fn new() -> Self {
        Self(Content::Exact(SmallList::Empty))
    }

    /// Counts a byte string. Text is counted as its UTF-8 bytes.
    #[inline]
    pub fn update_bytes(&mut self, value: &[u8]) {
        self.update_hash(ValueHash::of_bytes(value));
    }

    /// Counts an integer. Narrower integers are counted by their value, so widen them.
    #[inline]
    pub fn update_i64(&mut self, value: i64) {
        self.update_hash(ValueHash::of_i64(value));
    }

    /// Counts a float; −0 and 0 are one value, all NaN are one value.
    #[inline]
    pub fn update_f64(&mut self, value: f64) {
        self.update_hash(ValueHash::of_f64(value));
    }

    /// Counts a value that was hashed before.
    #[inline]
    pub fn update_hash(&mut self, hash: ValueHash) {
        match &mut self.0 {
            Content::Exact(hashes) => {
                if let Err(at) = hashes.as_slice().binary_search(&hash) {
                    if hashes.len() < Self::EXACT_LIMIT {
                        hashes.insert(at, hash);
                    } else {
                        self.promote().update(hash);
                    }
                }
            }
            Content::Dense(registers) => registers.update(hash),
        }
    }

    /// Adds everything that `other` has counted, as if its values had been counted here.
    #[inline]
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Content::Dense(registers), Content::Dense(others)) => registers.merge(others),
            (Content::Exact(hashes), Content::Dense(others)) => {
                let mut registers = others.clone();
                registers.extend(hashes.as_slice());
                self.0 = Content::Dense(registers);
            }
            (Content::Dense(registers), Content::Exact(others)) => {
                registers.extend(others.as_slice());
            }
            (Content::Exact(hashes), Content::Exact(others)) => {
                let (mine, others) = (hashes.as_slice(), others.as_slice());
                // A short list is cheaper to insert than to merge, and most lists are short.
                if others.len() <= 2 {
                    others.iter().for_each(|&hash| self.update_hash(hash));
                    return;
                }
                let added = others.len() - common(mine, others);
                if mine.len() + added > Self::EXACT_LIMIT {
                    self.promote().extend(others);
                } else if added > 0 {
                    merge_sorted(hashes.reserve(added), others, added);
                }
            }
        }
    }

    /// The number of distinct values seen. O(1) while exact, O(4,096) dense.
    pub fn estimate(&self) -> u64 {
        match &self.0 {
            Content::Exact(hashes) => hashes.len() as u64,
            // Promotion proves that there are more values than the limit.
            Content::Dense(registers) => (registers.estimate().round() as u64).max(Self::EXACT_LIMIT as u64 + 1),
        }
    }

    /// Whether nothing has been counted yet.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Content::Exact(hashes) if hashes.len() == 0)
    }

    /// Bytes allocated on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Content::Exact(hashes) => hashes.heap_bytes(),
            Content::Dense(_) => size_of::<Registers>(),
        }
    }

    /// Appends the state: 2 bytes, then 8 a value while exact, at most 4.1 KiB dense.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match &self.0 {
            Content::Exact(hashes) => {
                out.push(hashes.len() as u8);
                for hash in hashes.as_slice() {
                    out.extend_from_slice(&hash.0.to_le_bytes());
                }
            }
            Content::Dense(registers) => {
                out.push(DENSE);
                put_sparse(out, registers.iter().map(u64::from));
            }
        }
    }

    /// Reads exactly the bytes of one [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// `HR_SKETCH_VERSION` for another format version, `HR_SKETCH_DAMAGED` for bytes that no counter
    /// could have written. Allocates at most 4 KiB, whatever the bytes say.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut reader = Reader::open(SKETCH, VERSION, bytes)?;
        let content = match reader.u8()? {
            DENSE => Content::Dense(Registers::decode(&mut reader)?),
            length if usize::from(length) <= Self::EXACT_LIMIT => {
                let words = reader.words(length.into())?;
                let hashes: SmallList<_> = words.map(|word| ValueHash(u64::from_le_bytes(word))).collect();
                let ascending = hashes.as_slice().is_sorted_by(|left, right| left < right);
                if !ascending || hashes.as_slice().iter().any(|hash| hash.register() == 0) {
                    return Err(reader.damaged("hashes are not a sorted set"));
                }
                Content::Exact(hashes)
            }
            _ => return Err(reader.damaged("the exact set is longer than its limit")),
        };
        reader.finish()?;
        Ok(Self(content))
    }

    /// Leaves exact mode; every hash carries its register, so nothing is lost on the way.
    #[cold]
    fn promote(&mut self) -> &mut Registers {
        if let Content::Exact(hashes) = &self.0 {
            let mut registers = Registers::new();
            registers.extend(hashes.as_slice());
            self.0 = Content::Dense(registers);
        }
        match &mut self.0 {
            Content::Dense(registers) => registers,
            Content::Exact(_) => unreachable!("the set was turned into registers above"),
        }
    }
}

/// How many items two ascending sets share.
fn common(left: &[ValueHash], right: &[ValueHash]) -> usize {
    let (mut at, mut shared) = (0, 0);
    for hash in right {
        while left.get(at).is_some_and(|mine| mine < hash) {
            at += 1;
        }
        shared += usize::from(left.get(at) == Some(hash));
    }
    shared
}

/// Merges the ascending set `others` into `hashes` in place, from the back so that no item is
/// overwritten before it was moved; `added` is how many of them are new.
fn merge_sorted(hashes: &mut Vec<ValueHash>, others: &[ValueHash], added: usize) {
    let mut left = hashes.len();
    let mut right = others.len();
    hashes.resize(left + added, ValueHash(0));
    let mut at = hashes.len();
    while right > 0 {
        at -= 1;
        let theirs = others[right - 1];
        if left > 0 && hashes[left - 1] >= theirs {
            left -= 1;
            right -= usize::from(hashes[left] == theirs);
            hashes[at] = hashes[left];
        } else {
            right -= 1;
            hashes[at] = theirs;
        }
    }
}
