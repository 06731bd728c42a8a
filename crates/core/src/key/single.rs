//! Keys of one column that fit two machine words.
//!
//! Encoding, hashing and looking up a key costs more than aggregating its row. When the key is one number or one short
//! text, a direct-mapped cache of recent keys answers for most rows without any of that.

use arrow_array::{Array, ArrayRef, Int32Array, Int64Array, StringArray, cast::AsArray};
use arrow_schema::DataType;

use super::{INT, append_text, fixed};

/// A key in two words; different keys of a column never have the same.
pub type Words = (u64, u64);

/// The longest text that fits; one byte is its length.
const TEXT_MAX: usize = 15;
/// Where the byte stands that tells texts of different lengths, numbers and null apart.
const TAG_SHIFT: u32 = 56;
const NUMBER: u64 = 0x10 << TAG_SHIFT;
const NULL: u64 = 0x11 << TAG_SHIFT;

/// The only key column of a batch, when its type is one whose values mostly fit.
#[derive(Debug, Clone, Copy)]
pub enum SingleKey<'a> {
    /// Text.
    Text(&'a StringArray),
    /// 64-bit integers.
    Int64(&'a Int64Array),
    /// 32-bit integers.
    Int32(&'a Int32Array),
}

impl<'a> SingleKey<'a> {
    /// The key column, if there is only one and it is of such a type.
    pub fn of(columns: &'a [ArrayRef]) -> Option<Self> {
        let [column] = columns else { return None };
        Some(match column.data_type() {
            DataType::Utf8 => SingleKey::Text(column.as_string()),
            DataType::Int64 => SingleKey::Int64(column.as_primitive()),
            DataType::Int32 => SingleKey::Int32(column.as_primitive()),
            _ => return None,
        })
    }

    /// The words of a row's key; `None` for a text that is too long.
    #[inline]
    pub fn words(&self, row: usize) -> Option<Words> {
        match self {
            SingleKey::Text(column) if column.is_valid(row) => pack(column.value(row).as_bytes()),
            SingleKey::Int64(column) if column.is_valid(row) => Some((column.value(row) as u64, NUMBER)),
            SingleKey::Int32(column) if column.is_valid(row) => Some((i64::from(column.value(row)) as u64, NUMBER)),
            _ => Some((0, NULL)),
        }
    }

    /// Appends the canonical bytes of a row's key.
    pub fn append(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            SingleKey::Text(column) => append_text(column, row, out),
            SingleKey::Int64(column) => fixed(*column, row, INT, out, |row| column.value(row) as u64),
            SingleKey::Int32(column) => fixed(*column, row, INT, out, |row| i64::from(column.value(row)) as u64),
        }
    }
}

// The text and its length in two words. Short ones are read by loads that overlap, because a copy of unknown length is
// a call.
#[inline]
fn pack(text: &[u8]) -> Option<Words> {
    let length = text.len();
    let tag = (length as u64) << TAG_SHIFT;
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        if length > TEXT_MAX {
            return None;
        }
        // What the first word does not hold, moved to the bottom of the second; a shift by 64 leaves nothing.
        let rest = u64::from_le_bytes(*last).checked_shr(8 * (16 - length as u32)).unwrap_or(0);
        return Some((u64::from_le_bytes(*first), rest | tag));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let word = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
        return Some((word, tag));
    }
    let [Some(first), Some(last)] = [text.first(), text.last()] else { return Some((0, tag)) };
    // Up to three bytes: of one or two, the middle one is another once more.
    let [first, middle, last] = [*first, text[length / 2], *last].map(u64::from);
    Some((first | middle << 8 | last << 16, tag))
}

/// Entries of a cache of recent keys; a power of two.
const RECENT_KEYS: usize = 4096;

/// What was last known of recent keys: a direct-mapped cache, bounded, in which a key may overwrite another at any time.
#[derive(Debug)]
pub struct RecentKeys<T>(Vec<(Words, T)>);

impl<T: Copy + Default> RecentKeys<T> {
    /// What is known of a key, or the place to note it. O(1).
    #[inline]
    pub fn entry(&mut self, words: Words) -> Entry<'_, T> {
        let entry = &mut self.0[scatter(words) % RECENT_KEYS];
        Entry { known: entry.0 == words, words, entry }
    }
}

impl<T: Copy + Default> Default for RecentKeys<T> {
    fn default() -> Self {
        // No key has these words, so that the first look-ups miss.
        RecentKeys(vec![((0, u64::MAX), T::default()); RECENT_KEYS])
    }
}

/// The place of one key in a cache.
#[derive(Debug)]
pub struct Entry<'a, T> {
    known: bool,
    words: Words,
    entry: &'a mut (Words, T),
}

impl<T: Copy> Entry<'_, T> {
    /// What was noted for this key last.
    #[inline]
    pub fn get(&self) -> Option<T> {
        self.known.then_some(self.entry.1)
    }

    /// Notes something for this key.
    #[inline]
    pub fn set(self, value: T) {
        *self.entry = (self.words, value);
    }
}

#[inline]
fn scatter((low, high): Words) -> usize {
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd6e8_feb8_6659_fd93);
    ((product as u64) ^ (product >> 64) as u64) as usize
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::key::Keys;

    #[test]
    fn different_texts_never_pack_alike() {
        let alphabet = [b'a', b'b', 0];
        let mut texts: Vec<Vec<u8>> = vec![Vec::new()];
        for length in 1..=7 {
            let last: Vec<_> = texts.iter().filter(|text| text.len() == length - 1).cloned().collect();
            texts.extend(last.iter().flat_map(|text| alphabet.map(|byte| [text.as_slice(), &[byte]].concat())));
        }
        // Longer ones: every place of one other letter, at every length.
        for length in 8..=TEXT_MAX {
            texts.push(vec![b'a'; length]);
            texts.extend((0..length).map(|at| (0..length).map(|i| if i == at { b'b' } else { b'a' }).collect()));
        }
        let mut packed: Vec<_> = texts.iter().map(|text| pack(text).unwrap()).collect();
        packed.push((0, NULL));
        packed.sort_unstable();
        packed.dedup();
        assert_eq!(packed.len(), texts.len() + 1);
        assert_eq!(pack(&[b'a'; 16]), None);
    }

    #[test]
    fn a_single_key_has_the_canonical_bytes() {
        let columns: [ArrayRef; 3] = [
            Arc::new(StringArray::from(vec![Some("ORD"), None, Some("")])),
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(-1)])),
            Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(0)])),
        ];
        for column in columns {
            let columns = [column];
            let (keys, single) = (Keys::encode(&columns, 3).unwrap(), SingleKey::of(&columns).unwrap());
            for row in 0..3 {
                let mut bytes = Vec::new();
                single.append(row, &mut bytes);
                assert_eq!(bytes, keys.get(row), "{columns:?} {row}");
            }
            assert_eq!((0..3).filter_map(|row| single.words(row)).collect::<std::collections::BTreeSet<_>>().len(), 3);
        }
    }

    #[test]
    fn a_key_may_push_another_out() {
        let mut recent = RecentKeys::<u32>::default();
        assert_eq!(recent.entry((7, NUMBER)).get(), None);
        recent.entry((7, NUMBER)).set(3);
        assert_eq!(recent.entry((7, NUMBER)).get(), Some(3));
        for number in 8..8 + 64 * RECENT_KEYS as u64 {
            recent.entry((number, NUMBER)).set(4);
        }
        assert_eq!(recent.entry((7, NUMBER)).get(), None);
    }
}
