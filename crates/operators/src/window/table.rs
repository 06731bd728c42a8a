//! The keyed table of a window operator: one row of states per key and slice.

use std::collections::BTreeMap;

use hashbrown::{HashTable, hash_table::Entry as Probe};
use headrace_state::{Frozen, FrozenKeys, KeyTable, Paged, Slots};

use crate::aggregate::States;

/// No key: the slot is free.
pub(super) const NO_KEY: u32 = u32::MAX;

/// What a slot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) key: u32,
    pub(super) slice: i64,
}

const FREE: Cell = Cell { key: NO_KEY, slice: 0 };

// Rows of one key come in few slices at a time, so a small direct-mapped cache per key answers nearly every look-up.
const CACHE_WAYS: usize = 16;

/// Keys, the slots of their slices, and the raw states in those slots.
pub(super) struct SliceTable {
    pub(super) keys: KeyTable,
    pub(super) states: States,
    index: HashTable<u32>,
    cells: Paged<Cell>,
    slots: Slots,
    slices: BTreeMap<i64, Vec<u32>>,
    cache: Vec<(i64, u32)>,
}

impl SliceTable {
    pub(super) fn new(states: States) -> Self {
        SliceTable {
            keys: KeyTable::default(),
            states,
            index: HashTable::new(),
            cells: Paged::new(),
            slots: Slots::default(),
            slices: BTreeMap::new(),
            cache: Vec::new(),
        }
    }

    /// The slot of a key's slice, taken anew if there is none. O(1) expected.
    #[inline]
    pub(super) fn slot(&mut self, key: u32, slice: i64) -> u32 {
        let way = key as usize * CACHE_WAYS + slice as usize % CACHE_WAYS;
        if let Some(&(cached, slot)) = self.cache.get(way)
            && cached == slice
            && slot != u32::MAX
        {
            return slot;
        }
        let slot = self.probe(key, slice);
        if self.cache.len() <= way {
            self.cache.resize(self.keys.end() * CACHE_WAYS, (0, u32::MAX));
        }
        self.cache[way] = (slice, slot);
        slot
    }

    fn probe(&mut self, key: u32, slice: i64) -> u32 {
        let wanted = Cell { key, slice };
        let cells = &mut self.cells;
        let found = self.index.entry(mix(wanted), |&slot| *cells.get(slot) == wanted, |&slot| mix(*cells.get(slot)));
        match found {
            Probe::Occupied(entry) => *entry.get(),
            Probe::Vacant(entry) => {
                let slot = self.slots.take();
                entry.insert(slot);
                self.cells.resize(self.slots.end(), || FREE);
                *self.cells.get_mut(slot) = wanted;
                self.states.resize(self.slots.end());
                self.slices.entry(slice).or_default().push(slot);
                self.keys.refer(key);
                slot
            }
        }
    }

    /// The slot of a key's slice, if there is one.
    pub(super) fn find(&self, key: u32, slice: i64) -> Option<u32> {
        let wanted = Cell { key, slice };
        self.index.find(mix(wanted), |&slot| *self.cells.get(slot) == wanted).copied()
    }

    /// The key whose slice a slot is.
    #[inline]
    pub(super) fn key_of(&self, slot: u32) -> u32 {
        self.cells.get(slot).key
    }

    /// One above the highest slot in use.
    pub(super) fn end(&self) -> usize {
        self.slots.end()
    }

    /// The number of slots in use.
    pub(super) fn len(&self) -> usize {
        self.slots.used()
    }

    /// The slices with rows among `from..to`, in order, with their slots.
    pub(super) fn range(&self, from: i64, to: i64) -> impl DoubleEndedIterator<Item = (i64, &[u32])> {
        // An inverted range would panic in the map; it means that there is nothing.
        self.slices.range(from..to.max(from)).map(|(slice, slots)| (*slice, slots.as_slice()))
    }

    /// The first slice with rows at or after `from`.
    pub(super) fn first_from(&self, from: i64) -> Option<i64> {
        self.slices.range(from..).next().map(|(slice, _)| *slice)
    }

    /// Forgets all slices before `slice`, and the keys that have no other.
    pub(super) fn forget_before(&mut self, slice: i64) {
        while let Some(entry) = self.slices.first_entry().filter(|entry| *entry.key() < slice) {
            let slots = entry.remove();
            self.states.clear(&slots);
            for slot in slots {
                let cell = *self.cells.get(slot);
                if let Ok(found) = self.index.find_entry(mix(cell), |&other| other == slot) {
                    found.remove();
                }
                *self.cells.get_mut(slot) = FREE;
                let way = cell.key as usize * CACHE_WAYS + cell.slice as usize % CACHE_WAYS;
                if self.cache.get(way).is_some_and(|cached| cached.1 == slot) {
                    self.cache[way].1 = u32::MAX;
                }
                self.slots.release(slot);
                self.keys.release(cell.key);
            }
        }
    }

    /// References to keys and cells as they are now; the states are frozen by whoever knows their columns.
    pub(super) fn freeze(&mut self) -> (FrozenKeys, Frozen<Cell>) {
        (self.keys.freeze(), self.cells.freeze())
    }
}

// Multiply and fold: keys and slices are small dense numbers, which the multiplication spreads over all bits.
#[inline]
fn mix(cell: Cell) -> u64 {
    let product = u128::from(cell.slice as u64 ^ 0x9e37_79b9_7f4a_7c15) * u128::from(u64::from(cell.key) << 1 | 1);
    let folded = (product as u64) ^ (product >> 64) as u64;
    folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ folded >> 32
}
