//! Keys as small numbers.

use std::sync::Arc;

use hashbrown::{HashTable, hash_table::Entry};

use crate::{Frozen, Paged, Slots};

#[derive(Debug, Clone, Default)]
struct Key {
    hash: u64,
    bytes: Arc<[u8]>,
}

/// Gives every canonical key a number from a dense range. A key stays while it is referred to: whoever stores a
/// key's number calls [`KeyTable::refer`], and [`KeyTable::release`] when it forgets it.
#[derive(Debug, Default)]
pub struct KeyTable {
    numbers: HashTable<u32>,
    keys: Paged<Key>,
    // The hashes once more, by number, so that a probe touches the key's bytes only when it will match.
    hashes: Vec<u64>,
    references: Vec<u32>,
    // How often a number has been freed, so that whoever remembers a number can tell whether it is still the same key's.
    generations: Vec<u32>,
    slots: Slots,
}

impl KeyTable {
    /// The number of `key`, whose hash is `hash`; a new key gets a free number and no reference yet. O(1) expected.
    #[inline]
    pub fn intern(&mut self, key: &[u8], hash: u64) -> u32 {
        let KeyTable { numbers, keys, hashes, references, generations, slots } = self;
        let same = |&number: &u32| hashes[number as usize] == hash && *keys.get(number).bytes == *key;
        match numbers.entry(hash, same, |&number| hashes[number as usize]) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let number = slots.take();
                entry.insert(number);
                hashes.resize(slots.end(), 0);
                references.resize(slots.end(), 0);
                generations.resize(slots.end(), 0);
                hashes[number as usize] = hash;
                keys.resize(slots.end(), Key::default);
                *keys.get_mut(number) = Key { hash, bytes: Arc::from(key) };
                number
            }
        }
    }

    /// Counts one more holder of the number.
    pub fn refer(&mut self, number: u32) {
        self.references[number as usize] += 1;
    }

    /// Counts one holder less; the last one frees the number. Returns whether it did.
    pub fn release(&mut self, number: u32) -> bool {
        let count = &mut self.references[number as usize];
        *count -= 1;
        if *count > 0 {
            return false;
        }
        let hash = self.hashes[number as usize];
        if let Ok(entry) = self.numbers.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
        *self.keys.get_mut(number) = Key::default();
        self.generations[number as usize] = self.generations[number as usize].wrapping_add(1);
        self.slots.release(number);
        true
    }

    /// Changes whenever the number is freed; `None` for a number that has never been used.
    #[inline]
    pub fn generation(&self, number: u32) -> Option<u32> {
        self.generations.get(number as usize).copied()
    }

    /// The canonical bytes of a key.
    pub fn bytes(&self, number: u32) -> &[u8] {
        &self.keys.get(number).bytes
    }

    /// One above the highest number ever in use: how long a column indexed by key must be.
    pub fn end(&self) -> usize {
        self.slots.end()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.slots.used()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys as they are now, by reference.
    pub fn freeze(&mut self) -> FrozenKeys {
        FrozenKeys(self.keys.freeze())
    }
}

/// Keys as they were when the table was frozen.
#[derive(Debug)]
pub struct FrozenKeys(Frozen<Key>);

impl FrozenKeys {
    /// The canonical bytes of a key.
    pub fn bytes(&self, number: u32) -> &[u8] {
        &self.0.get(number).bytes
    }

    /// The hash of a key.
    pub fn hash(&self, number: u32) -> u64 {
        self.0.get(number).hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_reused_after_release() {
        let mut table = KeyTable::default();
        let (a, b) = (table.intern(b"a", 1), table.intern(b"b", 1));
        assert_ne!(a, b, "equal hashes are told apart by their bytes");
        table.refer(a);
        table.refer(a);
        table.refer(b);
        let frozen = table.freeze();
        assert!(!table.release(a));
        assert!(table.release(a));
        assert_eq!((table.len(), table.intern(b"b", 1)), (1, b));
        assert_eq!(table.intern(b"c", 9), a);
        assert_eq!((frozen.bytes(a), table.bytes(a)), (&b"a"[..], &b"c"[..]));
    }
}
