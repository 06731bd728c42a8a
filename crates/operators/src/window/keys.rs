//! The key numbers of a batch's rows.

use arrow_array::ArrayRef;
use headrace_core::{
    Batch, Result,
    key::{self, CodedKeys, DictionaryKey, KeyList, Keys, Lineage, RecentDictionaries, RecentKeys, SingleKey},
};
use headrace_state::KeyTable;

/// The keys of one batch.
pub(super) enum BatchKeys<'a> {
    /// The exchange has gathered them.
    Coded(&'a CodedKeys),
    Dictionary(DictionaryKey<'a>),
    Single(SingleKey<'a>),
    Any(Keys),
}

impl<'a> BatchKeys<'a> {
    /// The keys of a batch; `columns` are its key columns, which are missing where it has keys already.
    pub(super) fn new(batch: &'a Batch, columns: &'a [ArrayRef]) -> Result<Self> {
        if let Some(keys) = &batch.keys {
            return Ok(BatchKeys::Coded(keys));
        }
        if let Some(key) = DictionaryKey::of(columns) {
            return Ok(BatchKeys::Dictionary(key));
        }
        match SingleKey::of(columns) {
            Some(key) => Ok(BatchKeys::Single(key)),
            None => Ok(BatchKeys::Any(Keys::encode(columns, batch.rows())?)),
        }
    }
}

/// A key's number, and how often that had been freed when it was noted.
#[derive(Debug, Clone, Copy)]
struct Known {
    number: u32,
    generation: u32,
}

impl Default for Known {
    // No number has this one.
    fn default() -> Self {
        Known { number: u32::MAX, generation: 0 }
    }
}

impl Known {
    #[inline]
    fn still(self, table: &KeyTable) -> Option<u32> {
        (table.generation(self.number) == Some(self.generation)).then_some(self.number)
    }

    fn now(number: u32, table: &KeyTable) -> Self {
        Known { number, generation: table.generation(number).unwrap_or_default() }
    }
}

/// Turns rows into key numbers.
#[derive(Default)]
pub(super) struct Numbers {
    recent: RecentKeys<Known>,
    dictionaries: RecentDictionaries<Known>,
    /// By code, the numbers of keys that came through exchanges: one list for each sender, the current one last.
    coded: Vec<(Lineage, Vec<Known>)>,
    scratch: Vec<u8>,
}

impl Numbers {
    /// Begins a batch.
    pub(super) fn begin(&mut self, keys: &BatchKeys<'_>) {
        match keys {
            BatchKeys::Coded(CodedKeys { list, .. }) => self.begin_list(list),
            BatchKeys::Dictionary(key) => self.dictionaries.begin(key),
            BatchKeys::Single(_) | BatchKeys::Any(_) => {}
        }
    }

    fn begin_list(&mut self, list: &KeyList) {
        match self.coded.iter().position(|(lineage, _)| lineage.has(list)) {
            Some(at) => {
                let last = self.coded.len() - 1;
                self.coded.swap(at, last);
            }
            None => {
                self.coded.retain(|(lineage, _)| lineage.lives());
                self.coded.push((list.lineage(), Vec::new()));
            }
        }
        if let Some((_, known)) = self.coded.last_mut() {
            // What is longer belongs to a batch that went elsewhere, and stays.
            known.resize(known.len().max(list.len()), Known::default());
        }
    }

    /// The number of a row's key, which is new to the table if it was not there.
    #[inline]
    pub(super) fn of(&mut self, keys: &BatchKeys<'_>, row: usize, table: &mut KeyTable) -> u32 {
        match keys {
            BatchKeys::Coded(keys) => {
                let code = keys.codes[row];
                let known = self.coded.last().and_then(|(_, known)| known.get(code as usize)).copied();
                match known.unwrap_or_default().still(table) {
                    Some(number) => number,
                    None => self.receive(keys, code, table),
                }
            }
            BatchKeys::Dictionary(key) => {
                let place = key.place(row);
                match self.dictionaries.get(place).still(table) {
                    Some(number) => number,
                    None => self.look_up_place(key, place, table),
                }
            }
            BatchKeys::Single(key) => self.single(key, row, table),
            BatchKeys::Any(keys) => table.intern(keys.get(row), key::hash(keys.get(row))),
        }
    }

    #[cold]
    fn receive(&mut self, keys: &CodedKeys, code: u32, table: &mut KeyTable) -> u32 {
        let number = table.intern(keys.list.get(code), keys.list.hashes()[code as usize]);
        if let Some(known) = self.coded.last_mut().and_then(|(_, known)| known.get_mut(code as usize)) {
            *known = Known::now(number, table);
        }
        number
    }

    #[inline]
    fn single(&mut self, key: &SingleKey<'_>, row: usize, table: &mut KeyTable) -> u32 {
        let Some(words) = key.words(row) else { return self.look_up(key, row, table) };
        if let Some(number) = self.recent.entry(words).get().and_then(|known| known.still(table)) {
            return number;
        }
        let number = self.look_up(key, row, table);
        self.recent.entry(words).set(Known::now(number, table));
        number
    }

    #[cold]
    fn look_up(&mut self, key: &SingleKey<'_>, row: usize, table: &mut KeyTable) -> u32 {
        self.intern(|bytes| key.append(row, bytes), table)
    }

    #[cold]
    fn look_up_place(&mut self, key: &DictionaryKey<'_>, place: usize, table: &mut KeyTable) -> u32 {
        let number = self.intern(|bytes| key.append(place, bytes), table);
        self.dictionaries.set(place, Known::now(number, table));
        number
    }

    fn intern(&mut self, append: impl FnOnce(&mut Vec<u8>), table: &mut KeyTable) -> u32 {
        self.scratch.clear();
        append(&mut self.scratch);
        table.intern(&self.scratch, key::hash(&self.scratch))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{DictionaryArray, RecordBatch, StringArray, cast::AsArray, types::Int32Type};
    use headrace_core::key::KeyCoder;

    use super::*;

    fn batch() -> Batch {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some("a")]));
        Batch::new(RecordBatch::try_from_iter([("k", column)]).unwrap())
    }

    #[test]
    fn a_freed_number_is_not_remembered() {
        let batch = batch();
        let keys = BatchKeys::new(&batch, batch.data.columns()).unwrap();
        let (mut numbers, mut table) = (Numbers::default(), KeyTable::default());
        let a = numbers.of(&keys, 0, &mut table);
        table.refer(a);
        assert_eq!(numbers.of(&keys, 0, &mut table), a);
        table.release(a);
        assert_eq!(numbers.of(&keys, 1, &mut table), a, "the number is free and goes to the next key");
        table.refer(a);
        assert_ne!(numbers.of(&keys, 0, &mut table), a);
        assert_ne!(numbers.of(&keys, 2, &mut table), a);
    }

    #[test]
    fn the_keys_of_an_exchange_or_a_dictionary_are_the_same_keys() {
        let plain = batch();
        let mut coded = plain.clone();
        coded.keys = Some(KeyCoder::default().code(plain.data.columns(), plain.rows()).unwrap());
        let (mut numbers, mut table) = (Numbers::default(), KeyTable::default());
        let mut all = |batch: &Batch| -> Vec<u32> {
            let keys = BatchKeys::new(batch, batch.data.columns()).unwrap();
            numbers.begin(&keys);
            (0..4).map(|row| numbers.of(&keys, row, &mut table)).collect()
        };
        let first = all(&coded);
        assert_eq!((first[0], first[1] == first[2], first[0] == first[1]), (first[3], false, false));
        let texts = plain.data.column(0).as_string::<i32>();
        let dictionary: ArrayRef = Arc::new(texts.iter().collect::<DictionaryArray<Int32Type>>());
        let dictionary = Batch::new(RecordBatch::try_from_iter([("k", dictionary)]).unwrap());
        assert_eq!((all(&plain), all(&coded), all(&dictionary)), (first.clone(), first.clone(), first));
    }
}
