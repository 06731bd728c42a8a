//! The key numbers of a batch's rows.
//!
//! Encoding, hashing and looking up a key costs more than aggregating the row. When the key is one short text, its
//! bytes fit a machine word or two, and a direct-mapped cache of recent keys answers for most rows without any of that.

use arrow_array::{Array, ArrayRef, StringArray, cast::AsArray};
use arrow_buffer::ScalarBuffer;
use headrace_core::{
    Result,
    key::{self, Keys},
};
use headrace_state::KeyTable;

/// Entries of the cache of recent keys; a power of two.
const RECENT_KEYS: usize = 4096;
/// The longest text that the cache takes; one byte of its entry is the length.
const TEXT_MAX: usize = 15;

/// The keys of one batch.
pub(super) enum BatchKeys<'a> {
    Text(&'a StringArray),
    Any { keys: Keys, hashes: ScalarBuffer<u64> },
}

impl<'a> BatchKeys<'a> {
    /// The keys of `rows` rows; `hashes` are those of the exchange, if there was one.
    pub(super) fn new(columns: &'a [ArrayRef], rows: usize, hashes: Option<&ScalarBuffer<u64>>) -> Result<Self> {
        if let [column] = columns
            && let Some(text) = column.as_string_opt::<i32>()
        {
            return Ok(BatchKeys::Text(text));
        }
        let keys = Keys::encode(columns, rows)?;
        let hashes = hashes.cloned().unwrap_or_else(|| keys.hashes().into());
        Ok(BatchKeys::Any { keys, hashes })
    }
}

#[derive(Clone, Copy)]
struct Recent {
    text: (u64, u64),
    number: u32,
    generation: u32,
}

/// Turns rows into key numbers.
pub(super) struct Numbers {
    recent: Vec<Recent>,
    scratch: Vec<u8>,
}

impl Numbers {
    pub(super) fn new() -> Self {
        // No text has this length, so that the first look-ups miss.
        let none = Recent { text: (0, u64::MAX), number: 0, generation: 0 };
        Numbers { recent: vec![none; RECENT_KEYS], scratch: Vec::new() }
    }

    /// The number of a row's key, which is new to the table if it was not there.
    #[inline]
    pub(super) fn of(&mut self, keys: &BatchKeys<'_>, row: usize, table: &mut KeyTable) -> u32 {
        match keys {
            BatchKeys::Any { keys, hashes } => table.intern(keys.get(row), hashes[row]),
            BatchKeys::Text(column) if column.is_valid(row) => {
                let text = column.value(row);
                match pack(text.as_bytes()) {
                    Some(packed) => self.recent(packed, text, table),
                    None => self.look_up(Some(text), table),
                }
            }
            BatchKeys::Text(_) => self.look_up(None, table),
        }
    }

    #[inline]
    fn recent(&mut self, packed: (u64, u64), text: &str, table: &mut KeyTable) -> u32 {
        let at = scatter(packed) % RECENT_KEYS;
        let entry = self.recent[at];
        if entry.text == packed && table.generation(entry.number) == entry.generation {
            return entry.number;
        }
        let number = self.look_up(Some(text), table);
        self.recent[at] = Recent { text: packed, number, generation: table.generation(number) };
        number
    }

    #[cold]
    fn look_up(&mut self, text: Option<&str>, table: &mut KeyTable) -> u32 {
        self.scratch.clear();
        key::encode_text_key(text, &mut self.scratch);
        table.intern(&self.scratch, key::hash(&self.scratch))
    }
}

// The text and its length in two words; different texts never pack alike. Short ones are read by loads that overlap,
// because a copy of unknown length is a call.
#[inline]
fn pack(text: &[u8]) -> Option<(u64, u64)> {
    let length = text.len();
    let tag = (length as u64) << 56;
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
    Some((text.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)), tag))
}

#[inline]
fn scatter((low, high): (u64, u64)) -> usize {
    let product = u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0xd6e8_feb8_6659_fd93);
    ((product as u64) ^ (product >> 64) as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

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
        packed.sort_unstable();
        packed.dedup();
        assert_eq!(packed.len(), texts.len());
        assert_eq!(pack(&[b'a'; 16]), None);
    }

    #[test]
    fn a_freed_number_is_not_remembered() {
        let columns: Vec<ArrayRef> = vec![std::sync::Arc::new(StringArray::from(vec![Some("a"), Some("b"), None]))];
        let keys = BatchKeys::new(&columns, 3, None).unwrap();
        let (mut numbers, mut table) = (Numbers::new(), KeyTable::default());
        let a = numbers.of(&keys, 0, &mut table);
        table.refer(a);
        assert_eq!(numbers.of(&keys, 0, &mut table), a);
        table.release(a);
        assert_eq!(numbers.of(&keys, 1, &mut table), a, "the number is free and goes to the next key");
        table.refer(a);
        assert_ne!(numbers.of(&keys, 0, &mut table), a);
        assert_ne!(numbers.of(&keys, 2, &mut table), a);
    }
}
