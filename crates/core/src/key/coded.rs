//! The keys of a stream's rows as codes into a list of the keys that have occurred in it.
//!
//! A row then crosses an exchange with four bytes for its key, and whoever receives it looks each key up once.

use std::sync::{Arc, Weak};

use arrow_array::ArrayRef;
use arrow_buffer::ScalarBuffer;

use super::{
    DictionaryKey, Keys, RecentDictionaries, hash,
    single::{RecentKeys, SingleKey, Words},
};
use crate::Result;

/// The keys of a batch's rows.
#[derive(Debug, Clone)]
pub struct CodedKeys {
    /// For each row the number of its key in the list.
    pub codes: ScalarBuffer<u32>,
    /// The keys, shared by all parts of a batch.
    pub list: Arc<KeyList>,
}

impl CodedKeys {
    /// Other rows with keys of the same list.
    pub fn with(&self, codes: ScalarBuffer<u32>) -> Self {
        CodedKeys { codes, list: Arc::clone(&self.list) }
    }
}

/// Canonical keys and their hashes; a key may stand in it more than once.
#[derive(Debug, Clone, Default)]
pub struct KeyList {
    /// Lists with the same lineage agree as far as the shorter one goes.
    lineage: Arc<()>,
    keys: Keys,
    hashes: Vec<u64>,
}

/// Recognises the lists of one lineage, for as long as there are any.
#[derive(Debug, Clone)]
pub struct Lineage(Weak<()>);

impl Lineage {
    /// Whether a list is of this lineage.
    pub fn has(&self, list: &KeyList) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&list.lineage))
    }

    /// Whether there are lists of this lineage.
    pub fn lives(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl KeyList {
    /// What the list has in common with those that continue it.
    pub fn lineage(&self) -> Lineage {
        Lineage(Arc::downgrade(&self.lineage))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The canonical bytes of a key.
    pub fn get(&self, code: u32) -> &[u8] {
        self.keys.get(code as usize)
    }

    /// The hashes of all keys in order.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    fn push(&mut self, key: &[u8], hash: u64) -> u32 {
        self.keys.push(key);
        self.hashes.push(hash);
        (self.hashes.len() - 1) as u32
    }
}

/// Entries of the table of keys by hash; a power of two.
const BUCKETS: usize = 8192;
/// A list that has become longer than this is not continued with the next batch.
const LIST_MAX: usize = 16_384;

/// A code of the list of that number.
#[derive(Debug, Clone, Copy, Default)]
struct Given {
    list: u32,
    code: u32,
}

/// Gives codes to the keys of one batch after the other. Its memory is bounded, and holds nothing that matters.
#[derive(Debug)]
pub struct KeyCoder {
    list: Arc<KeyList>,
    number: u32,
    recent: RecentKeys<Given>,
    dictionaries: RecentDictionaries<Given>,
    buckets: Vec<Given>,
    scratch: Vec<u8>,
}

impl Default for KeyCoder {
    fn default() -> Self {
        KeyCoder {
            list: Arc::default(),
            number: 1,
            recent: RecentKeys::default(),
            dictionaries: RecentDictionaries::default(),
            buckets: vec![Given::default(); BUCKETS],
            scratch: Vec::new(),
        }
    }
}

impl KeyCoder {
    /// The keys of `rows` rows over `columns`. O(rows), and O(list) when keys are new.
    ///
    /// # Errors
    /// As [`Keys::encode`].
    pub fn code(&mut self, columns: &[ArrayRef], rows: usize) -> Result<CodedKeys> {
        if self.list.len() > LIST_MAX {
            self.list = Arc::default();
            self.number = self.number.wrapping_add(1);
        }
        if self.number == 0 {
            // What four thousand million lists ago was given under the same number must not be found again.
            *self = KeyCoder::default();
        }
        let codes: Vec<u32> = if let Some(key) = DictionaryKey::of(columns) {
            self.dictionaries.begin(&key);
            (0..rows).map(|row| self.encoded(key, key.place(row))).collect()
        } else if let Some(key) = SingleKey::of(columns) {
            (0..rows).map(|row| self.single(key, row)).collect()
        } else {
            let keys = Keys::encode(columns, rows)?;
            keys.iter().map(|key| self.any(key)).collect()
        };
        Ok(CodedKeys { codes: codes.into(), list: Arc::clone(&self.list) })
    }

    #[inline]
    fn single(&mut self, key: SingleKey<'_>, row: usize) -> u32 {
        let list = self.number;
        let words = key.words(row);
        let known = words.and_then(|words| self.recent.entry(words).get()).filter(|given| given.list == list);
        if let Some(given) = known { given.code } else { self.look_up(key, row, words) }
    }

    #[inline]
    fn encoded(&mut self, key: DictionaryKey<'_>, place: usize) -> u32 {
        let known = self.dictionaries.get(place);
        if known.list == self.number { known.code } else { self.look_up_place(key, place) }
    }

    #[cold]
    fn look_up_place(&mut self, key: DictionaryKey<'_>, place: usize) -> u32 {
        let code = self.appended(|bytes| key.append(place, bytes));
        self.dictionaries.set(place, Given { list: self.number, code });
        code
    }

    #[cold]
    fn look_up(&mut self, key: SingleKey<'_>, row: usize, words: Option<Words>) -> u32 {
        let code = self.appended(|bytes| key.append(row, bytes));
        if let Some(words) = words {
            self.recent.entry(words).set(Given { list: self.number, code });
        }
        code
    }

    fn appended(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        append(&mut bytes);
        let code = self.any(&bytes);
        self.scratch = bytes;
        code
    }

    fn any(&mut self, key: &[u8]) -> u32 {
        let hash = hash(key);
        let bucket = &mut self.buckets[hash as usize % BUCKETS];
        if bucket.list == self.number && self.list.get(bucket.code) == key {
            return bucket.code;
        }
        let code = Arc::make_mut(&mut self.list).push(key, hash);
        *bucket = Given { list: self.number, code };
        code
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, DictionaryArray, Int64Array, StringArray, cast::AsArray, types::Int32Type};

    use super::*;

    fn check(coder: &mut KeyCoder, columns: &[ArrayRef]) -> usize {
        let rows = columns[0].len();
        let (coded, keys) = (coder.code(columns, rows).unwrap(), Keys::encode(columns, rows).unwrap());
        let hashes = keys.hashes();
        assert_eq!(coded.codes.len(), rows);
        for (row, &code) in coded.codes.iter().enumerate() {
            assert_eq!(coded.list.get(code), keys.get(row));
            assert_eq!(coded.list.hashes()[code as usize], hashes[row]);
        }
        coded.list.len()
    }

    fn texts(length: usize, distinct: usize) -> ArrayRef {
        let text = |row: usize| (row % 7 != 3).then(|| format!("{:0>length$}", row * row % distinct));
        Arc::new((0..10_000).map(text).collect::<StringArray>())
    }

    fn encoded(texts: &ArrayRef) -> ArrayRef {
        Arc::new(texts.as_string::<i32>().iter().collect::<DictionaryArray<Int32Type>>())
    }

    #[test]
    fn codes_stand_for_the_keys_of_their_rows() {
        let numbers: ArrayRef = Arc::new((0..10_000i64).map(|row| Some(row % 100)).collect::<Int64Array>());
        let fresh = |columns: &[ArrayRef]| check(&mut KeyCoder::default(), columns);
        assert_eq!(fresh(&[Arc::clone(&numbers)]), 100);
        assert!(fresh(&[texts(3, 300)]) <= 301);
        assert!(fresh(&[texts(40, 300)]) < 1000, "long texts share codes too");
        let dictionary = encoded(&texts(5, 30));
        let mut coder = KeyCoder::default();
        // One coder for all, as a stream would: what it remembers of one batch must not show in the next.
        for _ in 0..3 {
            check(&mut coder, &[Arc::clone(&numbers)]);
            check(&mut coder, &[texts(3, 300)]);
            check(&mut coder, &[texts(3, 300), Arc::clone(&numbers)]);
            check(&mut coder, &[encoded(&texts(3, 300))]);
            check(&mut coder, &[encoded(&texts(3, 300)), Arc::clone(&numbers)]);
            // The list runs full in between, while the dictionary stays.
            check(&mut coder, &[Arc::clone(&dictionary)]);
            // More keys than the caches hold.
            check(&mut coder, &[encoded(&texts(5, 100_000))]);
            check(&mut coder, &[texts(5, 100_000)]);
            check(&mut coder, &[texts(40, 100_000)]);
            coder.code(&[], 5).unwrap();
        }
        assert_eq!(KeyCoder::default().code(&[], 5).unwrap().list.len(), 1, "the empty key");
    }

    #[test]
    fn a_list_is_continued_until_it_is_long() {
        let mut coder = KeyCoder::default();
        let mut code = |distinct| coder.code(&[texts(5, distinct)], 10_000).unwrap().list;
        let (first, second, third) = (code(100), code(100), code(200));
        assert!(Arc::ptr_eq(&first, &second), "no key was new");
        assert!(first.lineage().has(&third) && third.len() > first.len());
        assert!((0..first.len() as u32).all(|code| first.get(code) == third.get(code)));
        let lineage = first.lineage();
        drop((first, second, third));
        while lineage.lives() {
            let list = code(1_000_000);
            assert!(list.len() <= LIST_MAX + 10_000);
            assert!(lineage.has(&list) || list.len() <= 10_000, "a new list begins with a batch");
        }
    }

    #[test]
    fn list_numbers_may_run_over() {
        let mut coder = KeyCoder { number: u32::MAX, ..KeyCoder::default() };
        while coder.number != 2 {
            check(&mut coder, &[texts(40, 1_000_000)]);
        }
    }
}
