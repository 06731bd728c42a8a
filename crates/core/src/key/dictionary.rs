//! Keys of one column that is a dictionary: a row's key is a small number already, and what is known of it is found by
//! that.

use arrow_array::{Array, ArrayRef, StringArray, cast::AsArray, types::Int32Type};
use arrow_buffer::NullBuffer;

use super::{NULL, append_text};

/// The only key column of a batch, when it is a dictionary of texts.
#[derive(Debug, Clone, Copy)]
pub struct DictionaryKey<'a> {
    rows: &'a [i32],
    nulls: Option<&'a NullBuffer>,
    values: &'a ArrayRef,
    texts: &'a StringArray,
}

impl<'a> DictionaryKey<'a> {
    /// The key column, if there is only one and it is a dictionary.
    pub fn of(columns: &'a [ArrayRef]) -> Option<Self> {
        let [column] = columns else { return None };
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        let texts = dictionary.values().as_string_opt()?;
        let nulls = dictionary.keys().nulls().filter(|nulls| nulls.null_count() > 0);
        Some(DictionaryKey { rows: dictionary.keys().values(), nulls, values: dictionary.values(), texts })
    }

    /// The place of a row's key: that of its value, or, for null, the one behind the last value.
    #[inline]
    pub fn place(&self, row: usize) -> usize {
        match self.nulls {
            Some(nulls) if nulls.is_null(row) => self.texts.len(),
            _ => self.rows[row] as usize,
        }
    }

    /// Appends the canonical bytes of the key in a place.
    pub fn append(&self, place: usize, out: &mut Vec<u8>) {
        if place < self.texts.len() { append_text(self.texts, place, out) } else { out.push(NULL) }
    }
}

/// Dictionaries that are remembered at once.
const DICTIONARIES: usize = 8;
/// Places that are remembered at once, but for those of the dictionary in use.
const PLACES: usize = 1 << 20;

/// What was last known of the keys of recent dictionaries, by their places; bounded. A remembered dictionary is kept
/// alive, so that no other one can come to lie where it lies.
#[derive(Debug)]
pub struct RecentDictionaries<T>(Vec<(ArrayRef, Vec<T>)>);

impl<T> Default for RecentDictionaries<T> {
    fn default() -> Self {
        RecentDictionaries(Vec::new())
    }
}

impl<T: Copy + Default> RecentDictionaries<T> {
    /// Begins a batch: what is noted from now on is of the keys of its dictionary. O(1) where that is remembered, else
    /// O(values).
    pub fn begin(&mut self, key: &DictionaryKey<'_>) {
        if let Some(at) = self.0.iter().rposition(|(values, _)| is_same(values, key.values)) {
            self.0[at..].rotate_left(1);
            return;
        }
        self.0.push((ArrayRef::clone(key.values), vec![T::default(); key.texts.len() + 1]));
        let mut places = 0;
        let kept = self.0.iter().rev().take(DICTIONARIES).take_while(|(values, _)| {
            places += values.len();
            places <= PLACES.max(key.texts.len())
        });
        let forgotten = self.0.len() - kept.count();
        self.0.drain(..forgotten);
    }

    /// What was noted in a place of the dictionary in use.
    #[inline]
    pub fn get(&self, place: usize) -> T {
        self.0.last().and_then(|(_, known)| known.get(place)).copied().unwrap_or_default()
    }

    /// Notes something in a place of the dictionary in use.
    pub fn set(&mut self, place: usize, value: T) {
        if let Some(known) = self.0.last_mut().and_then(|(_, known)| known.get_mut(place)) {
            *known = value;
        }
    }
}

/// Whether two dictionaries, both alive, are views on the same bytes.
fn is_same(a: &ArrayRef, b: &ArrayRef) -> bool {
    let [Some(a), Some(b)] = [a, b].map(|values| values.as_string_opt::<i32>()) else { return false };
    let bytes = |values: &StringArray| (values.value_data().as_ptr(), values.value_offsets().as_ptr_range());
    let nulls = |values: &StringArray| values.nulls().map(|nulls| (nulls.validity().as_ptr(), nulls.offset()));
    bytes(a) == bytes(b) && nulls(a) == nulls(b)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{DictionaryArray, Int32Array};

    use super::*;
    use crate::key::Keys;

    fn column(values: &[Option<&str>], rows: &[Option<i32>]) -> [ArrayRef; 1] {
        let values = Arc::new(StringArray::from(values.to_vec()));
        [Arc::new(DictionaryArray::new(Int32Array::from(rows.to_vec()), values))]
    }

    #[test]
    fn keys_have_the_canonical_bytes_of_text() {
        let rows = [Some(1), None, Some(0), Some(3), Some(2)];
        let columns = column(&[Some("ORD"), Some(""), None, Some("ORD")], &rows);
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some(""), None, Some("ORD"), Some("ORD"), None]));
        let (single, wanted) = (DictionaryKey::of(&columns).unwrap(), Keys::encode(&[texts], 5).unwrap());
        let many = Keys::encode(&columns, 5).unwrap();
        for row in 0..5 {
            let mut bytes = Vec::new();
            single.append(single.place(row), &mut bytes);
            assert_eq!((bytes.as_slice(), many.get(row)), (wanted.get(row), wanted.get(row)), "row {row}");
        }
        assert!(DictionaryKey::of(&[columns[0].clone(), columns[0].clone()]).is_none());
    }

    #[test]
    fn a_dictionary_is_known_by_its_bytes_while_it_is_remembered() {
        let columns = |_| column(&[Some("a"), Some("b")], &[Some(0), Some(1), None]);
        let all: Vec<_> = (0..DICTIONARIES as u32 + 1).map(columns).collect();
        let keys: Vec<_> = all.iter().map(|columns| DictionaryKey::of(columns).unwrap()).collect();
        let mut recent = RecentDictionaries::<u32>::default();
        assert_eq!(recent.get(0), 0);
        for (number, key) in (1..).zip(&keys) {
            recent.begin(key);
            assert_eq!(recent.get(1), 0, "equal dictionaries in other places are others");
            recent.set(1, number);
        }
        let slice = [all[3][0].slice(1, 2)];
        recent.begin(&DictionaryKey::of(&slice).unwrap());
        assert_eq!((recent.get(1), recent.0.len()), (4, DICTIONARIES), "the rows of a slice have the same dictionary");
        recent.begin(&keys[0]);
        assert_eq!((recent.get(1), recent.0.len()), (0, DICTIONARIES), "the oldest is forgotten");
        recent.begin(&keys[3]);
        assert_eq!(recent.get(1), 4, "the one in use last is not");
    }

    #[test]
    fn large_dictionaries_push_out_others() {
        let small = column(&[Some("a")], &[Some(0)]);
        let texts: Vec<_> = std::iter::repeat_n(Some("x"), PLACES + 1).collect();
        let large = column(&texts, &[Some(0)]);
        let [small, large] = [&small, &large].map(|columns| DictionaryKey::of(columns).unwrap());
        let mut recent = RecentDictionaries::<u8>::default();
        for key in [&small, &large] {
            recent.begin(key);
            recent.set(0, 7);
            assert_eq!((recent.get(0), recent.0.len()), (7, 1));
        }
    }
}
