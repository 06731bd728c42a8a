//! The blocks: who holds them, which are free, and what they remember.

use crate::{free_list::FreeList, index::PrefixIndex};

/// All blocks. One is free when nobody holds it; a free block keeps its content until it is taken for another.
///
/// Free blocks without content are taken first, the latest freed before the others. Those with content follow in the order
/// in which they were freed; whoever frees a sequence frees its last block first, so a block is never taken before
/// those that continue it.
#[derive(Debug)]
pub(crate) struct Pool {
    references: Vec<u32>,
    free: FreeList,
    pub(crate) index: PrefixIndex,
    cached: u32,
}

impl Pool {
    pub(crate) fn new(blocks: u32, block_tokens: u32) -> Self {
        Pool {
            references: vec![0; blocks as usize],
            free: FreeList::new(blocks),
            index: PrefixIndex::new(blocks, block_tokens),
            cached: 0,
        }
    }

    /// How many blocks are free, with or without content.
    pub(crate) fn free(&self) -> u32 {
        self.free.len()
    }

    /// How many of the free blocks have content.
    pub(crate) fn cached(&self) -> u32 {
        self.cached
    }

    /// How many blocks somebody holds.
    pub(crate) fn used(&self) -> u32 {
        self.references.len() as u32 - 1 - self.free.len()
    }

    pub(crate) fn references(&self, block: u32) -> u32 {
        self.references[block as usize]
    }

    /// Takes the first free block and hides its content, which it keeps. O(1).
    pub(crate) fn take(&mut self) -> Option<u32> {
        let block = self.free.first()?;
        self.free.unlink(block);
        self.references[block as usize] = 1;
        if self.index.identity(block).is_some() {
            self.index.hide(block);
            self.cached -= 1;
        }
        Some(block)
    }

    /// Undoes the latest [`Pool::take`] that was not undone. O(1).
    pub(crate) fn put_back(&mut self, block: u32) {
        self.references[block as usize] = 0;
        self.free.relink(block);
        if self.index.identity(block).is_some() {
            self.index.show(block);
            self.cached += 1;
        }
    }

    /// Adds a holder to a visible block. O(1).
    pub(crate) fn share(&mut self, block: u32) {
        if self.references(block) == 0 {
            self.free.unlink(block);
            self.cached -= 1;
        }
        self.refer(block);
    }

    /// Undoes the latest [`Pool::share`] that was not undone. O(1).
    pub(crate) fn unshare(&mut self, block: u32) {
        if self.leave(block) {
            self.free.relink(block);
            self.cached += 1;
        }
    }

    /// Adds a holder to a block that has one. O(1).
    pub(crate) fn refer(&mut self, block: u32) {
        self.references[block as usize] += 1;
    }

    /// Takes a holder away, without freeing the block; whether it was the last. O(1).
    pub(crate) fn leave(&mut self, block: u32) -> bool {
        let references = &mut self.references[block as usize];
        *references -= 1;
        *references == 0
    }

    /// Takes a holder away; the last one frees the block. Whether it did. O(1).
    pub(crate) fn release(&mut self, block: u32) -> bool {
        let last = self.leave(block);
        if last && self.index.identity(block).is_some() {
            self.cached += 1;
            self.free.push_back(block);
        } else if last {
            self.free.push_front(block);
        }
        last
    }

    /// Drops the content of a free block, which will be the next to be taken; whether it had any. O(1).
    pub(crate) fn drop_content(&mut self, block: u32) -> bool {
        self.index.hide(block);
        let had = self.index.forget(block);
        if had {
            self.cached -= 1;
            self.free.unlink(block);
            self.free.push_front(block);
        }
        had
    }

    /// Drops the content of all free blocks, and returns how many had some. Their order stays. O(free blocks).
    pub(crate) fn reset(&mut self) -> u32 {
        for block in self.free.iter().filter(|&block| self.index.identity(block).is_some()).collect::<Vec<_>>() {
            self.index.hide(block);
            self.index.forget(block);
        }
        std::mem::take(&mut self.cached)
    }

    #[cfg(test)]
    pub(crate) fn free_order(&self) -> Vec<u32> {
        self.free.iter().collect()
    }
}
