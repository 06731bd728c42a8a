//! Merging slices into windows at a cost that does not depend on how many slices a window has.
//!
//! Slices are grouped into blocks of as many slices as a window has, cut at absolute multiples of that number. A window
//! then is a suffix of one block and a prefix of the next. For each key, the suffixes of a block are merged once, from
//! its end backwards, when the first window reaches into the block; the prefix of the next block grows as slices
//! enter. A slice is thus merged at most twice, and a window costs each of its active keys one merge more. (The idea
//! is the two-stacks queue, with its flip fixed to the block border.) Because blocks are cut at absolute multiples, the
//! merge tree of a window is a function of the slice numbers alone: neither batches, nor checkpoints, nor the moment
//! at which a row came change the result, not even of a sketch.
//!
//! Only slices in which a key has rows are touched. Its suffixes form a list through its slots: `head[key]` is its
//! first slot in the block, `next[slot]` the one after. A slot at the end of the list is its own suffix, so that no
//! state is copied for it.

use headrace_core::Result;

use super::{slices::Slices, table::SliceTable};
use crate::aggregate::States;

const NONE: u32 = u32::MAX;

/// Suffixes of the block that the window starts in, and prefixes of the block that it ends in.
pub(super) struct Merge {
    per_window: i64,
    /// All slices before this have left.
    low: i64,
    /// The end of the block that the suffixes cover.
    boundary: i64,
    /// All slices from `boundary` up to here are in the prefixes.
    entered: i64,
    head: Vec<u32>,
    next: Vec<u32>,
    suffix: States,
    prefix: States,
    prefixed: Vec<bool>,
    active: Vec<u32>,
    place: Vec<u32>,
    dirty: Vec<u32>,
}

impl Merge {
    pub(super) fn new(slices: &Slices, states: &States) -> Self {
        Merge {
            per_window: slices.per_window(),
            low: i64::MIN,
            boundary: i64::MIN,
            entered: i64::MIN,
            head: Vec::new(),
            next: Vec::new(),
            suffix: states.fresh(),
            prefix: states.fresh(),
            prefixed: Vec::new(),
            active: Vec::new(),
            place: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// The keys with rows in the window reached last.
    pub(super) fn active(&self) -> &[u32] {
        &self.active
    }

    /// Notes that a row was added to a key's slice, in case it is merged already.
    pub(super) fn touch(&mut self, key: u32, slice: i64) {
        if slice < self.entered {
            self.dirty.push(key);
        }
    }

    /// Moves on to the window with the slices `low..high`, to which all rows have been added.
    pub(super) fn advance(&mut self, (low, high): (i64, i64), table: &SliceTable) -> Result<()> {
        self.make_room(table);
        self.leave(low, table);
        if self.low >= self.boundary {
            self.cross(table)?;
        }
        self.mend(table)?;
        self.enter(high, table)
    }

    fn make_room(&mut self, table: &SliceTable) {
        let keys = table.keys.end();
        if self.head.len() < keys {
            self.head.resize(keys, NONE);
            self.prefixed.resize(keys, false);
            self.place.resize(keys, NONE);
            self.prefix.resize(keys);
        }
        if self.next.len() < table.end() {
            self.next.resize(table.end(), NONE);
            // With one slice a window every list has one slot, and nothing is ever stored in a suffix.
            if self.per_window > 1 {
                self.suffix.resize(table.end());
            }
        }
    }

    /// Takes the slices before `low` out of the window.
    pub(super) fn leave(&mut self, low: i64, table: &SliceTable) {
        if low <= self.low {
            return;
        }
        // A window of one slice leaves as a whole.
        let leaving = if self.per_window == 1 { self.low } else { low.min(self.boundary) };
        for (_, slots) in table.range(self.low, leaving) {
            for &slot in slots {
                let key = table.key_of(slot);
                // A slot that came late and is not in the list yet is not the head of anything.
                if self.head[key as usize] == slot {
                    self.head[key as usize] = self.next[slot as usize];
                    self.settle(key);
                }
            }
        }
        self.low = low;
        if low >= self.boundary {
            self.reset(low);
        }
    }

    // Nothing is merged: the next window starts in another block.
    fn reset(&mut self, low: i64) {
        for key in std::mem::take(&mut self.active) {
            self.head[key as usize] = NONE;
            self.place[key as usize] = NONE;
            if std::mem::take(&mut self.prefixed[key as usize]) {
                self.prefix.clear(&[key]);
            }
        }
        self.dirty.clear();
        self.boundary = low;
        self.entered = low;
    }

    fn cross(&mut self, table: &SliceTable) -> Result<()> {
        self.boundary = (self.low.div_euclid(self.per_window) + 1) * self.per_window;
        self.entered = self.boundary;
        // The block is merged from the raw states as they are now, so there is nothing left to mend.
        self.dirty.clear();
        if self.per_window == 1 {
            self.take_slice(table);
            return Ok(());
        }
        for (_, slots) in table.range(self.low, self.boundary).rev() {
            self.link(slots, table)?;
        }
        Ok(())
    }

    // The window is one slice: its slots are the results, and there is nothing to merge.
    fn take_slice(&mut self, table: &SliceTable) {
        for (_, slots) in table.range(self.low, self.boundary) {
            for &slot in slots {
                let key = table.key_of(slot);
                self.head[key as usize] = slot;
                self.next[slot as usize] = NONE;
                self.active.push(key);
            }
        }
    }

    // Puts the slots of one slice, at most one a key, before the lists of their keys.
    fn link(&mut self, slots: &[u32], table: &SliceTable) -> Result<()> {
        let (mut own, mut raw, mut merged) = (Vec::new(), Links::default(), Links::default());
        for &slot in slots {
            let key = table.key_of(slot);
            let later = std::mem::replace(&mut self.head[key as usize], slot);
            self.next[slot as usize] = later;
            if later == NONE {
                self.settle(key);
                continue;
            }
            own.push(slot);
            let links = if self.next[later as usize] == NONE { &mut raw } else { &mut merged };
            links.push(slot, later);
        }
        self.suffix.copy(&own, &table.states, &own)?;
        self.suffix.merge(&raw.into, &table.states, &raw.at)?;
        self.suffix.merge_within(&merged.into, &merged.at);
        Ok(())
    }

    fn enter(&mut self, high: i64, table: &SliceTable) -> Result<()> {
        for (_, slots) in table.range(self.entered, high) {
            self.append(slots, table)?;
        }
        self.entered = self.entered.max(high);
        Ok(())
    }

    // Adds the slots of one slice, at most one a key, to the prefixes of their keys.
    fn append(&mut self, slots: &[u32], table: &SliceTable) -> Result<()> {
        let (mut first, mut further) = (Links::default(), Links::default());
        for &slot in slots {
            let key = table.key_of(slot);
            let prefixed = std::mem::replace(&mut self.prefixed[key as usize], true);
            let links = if prefixed { &mut further } else { &mut first };
            links.push(key, slot);
            self.settle(key);
        }
        self.prefix.copy(&first.into, &table.states, &first.at)?;
        self.prefix.merge(&further.into, &table.states, &further.at)
    }

    // Merges anew the keys whose slices changed after they were merged: the rows that were late for some windows.
    fn mend(&mut self, table: &SliceTable) -> Result<()> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for key in dirty {
            self.head[key as usize] = NONE;
            if std::mem::take(&mut self.prefixed[key as usize]) {
                self.prefix.clear(&[key]);
            }
            for (slice, _) in table.range(self.low, self.boundary).rev() {
                if let Some(slot) = table.find(key, slice) {
                    self.link(&[slot], table)?;
                }
            }
            for (slice, _) in table.range(self.boundary, self.entered) {
                if let Some(slot) = table.find(key, slice) {
                    self.append(&[slot], table)?;
                }
            }
            self.settle(key);
        }
        Ok(())
    }

    // Keeps the list of active keys true for one key; O(1).
    fn settle(&mut self, key: u32) {
        let wanted = self.head[key as usize] != NONE || self.prefixed[key as usize];
        let place = self.place[key as usize];
        if wanted && place == NONE {
            self.place[key as usize] = self.active.len() as u32;
            self.active.push(key);
        } else if !wanted && place != NONE {
            self.active.swap_remove(place as usize);
            if let Some(&moved) = self.active.get(place as usize) {
                self.place[moved as usize] = place;
            }
            self.place[key as usize] = NONE;
        }
    }

    /// Writes the window's states of `keys` into `results`, from slot `base` on.
    pub(super) fn results(&self, keys: &[u32], table: &SliceTable, results: &mut States, base: u32) -> Result<()> {
        let (mut raw, mut suffix, mut only) = (Links::default(), Links::default(), Links::default());
        let mut both = Links::default();
        for (into, &key) in (base..).zip(keys) {
            let (head, prefixed) = (self.head[key as usize], self.prefixed[key as usize]);
            if head == NONE {
                only.push(into, key);
                continue;
            }
            let links = if self.next[head as usize] == NONE { &mut raw } else { &mut suffix };
            links.push(into, head);
            if prefixed {
                both.push(into, key);
            }
        }
        results.copy(&raw.into, &table.states, &raw.at)?;
        results.copy(&suffix.into, &self.suffix, &suffix.at)?;
        results.copy(&only.into, &self.prefix, &only.at)?;
        results.merge(&both.into, &self.prefix, &both.at)
    }

    /// Writes one key's states of `windows`, ascending and whether fired or not, into `into`, slot by slot: by the same
    /// merge tree, but from the raw slices. Says for which windows the key has rows. Windows that start in one block
    /// share its suffixes and prefixes, so that this is O(slices of the windows' span + windows).
    pub(super) fn several(
        &self,
        key: u32,
        windows: &[i64],
        slices: &Slices,
        table: &SliceTable,
        into: &mut States,
    ) -> Result<Vec<bool>> {
        let slots =
            |from, to| table.range(from, to).filter_map(|(slice, _)| table.find(key, slice)).collect::<Vec<_>>();
        let block = |window: &i64| slices.slices_of(*window).0.div_euclid(self.per_window);
        let mut running = into.fresh();
        running.resize(2);
        into.resize(windows.len());
        let mut found = vec![false; windows.len()];
        let mut at = 0;
        for group in windows.chunk_by(|a, b| block(a) == block(b)) {
            let boundary = group.first().map_or(0, |window| (block(window) + 1) * self.per_window);
            let mut reached = boundary;
            let mut any = false;
            for (place, &window) in (at..at + group.len()).zip(group).rev() {
                let (low, _) = slices.slices_of(window);
                for &slot in slots(low, reached).iter().rev() {
                    running.copy(&[1], &table.states, &[slot])?;
                    if std::mem::replace(&mut any, true) {
                        running.merge_within(&[1], &[0]);
                    }
                    running.swap(0, 1);
                }
                reached = low;
                if any {
                    into.copy(&[place as u32], &running, &[0])?;
                }
                found[place] = any;
            }
            (reached, any) = (boundary, false);
            for (place, &window) in (at..).zip(group) {
                let (_, high) = slices.slices_of(window);
                for &slot in &slots(reached, high) {
                    let add = if std::mem::replace(&mut any, true) { States::merge } else { States::copy };
                    add(&mut running, &[0], &table.states, &[slot])?;
                }
                reached = reached.max(high);
                if any {
                    let add = if std::mem::replace(&mut found[place], true) { States::merge } else { States::copy };
                    add(into, &[place as u32], &running, &[0])?;
                }
            }
            at += group.len();
        }
        Ok(found)
    }
}

/// Pairs of slots: what is written, and from where.
#[derive(Default)]
struct Links {
    into: Vec<u32>,
    at: Vec<u32>,
}

impl Links {
    fn push(&mut self, into: u32, at: u32) {
        self.into.push(into);
        self.at.push(at);
    }
}
