//! The blocks that nobody holds, in the order in which they are used again.

/// A doubly linked list threaded through two flat vectors. Block 0 is never free, so its links are the list's two ends.
/// Every operation is O(1) but the constructor.
#[derive(Debug)]
pub(crate) struct FreeList {
    before: Vec<u32>,
    after: Vec<u32>,
    len: u32,
}

impl FreeList {
    /// All blocks but 0, in ascending order. O(blocks).
    pub(crate) fn new(blocks: u32) -> Self {
        let before = (0..blocks).map(|block| if block == 0 { blocks - 1 } else { block - 1 }).collect();
        let after = (0..blocks).map(|block| if block + 1 == blocks { 0 } else { block + 1 }).collect();
        FreeList { before, after, len: blocks - 1 }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// The block to be used next.
    pub(crate) fn first(&self) -> Option<u32> {
        self.iter().next()
    }

    /// The free blocks, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let next = |&block: &u32| Some(self.after[block as usize]).filter(|&after| after != 0);
        std::iter::successors(next(&0), next)
    }

    pub(crate) fn push_front(&mut self, block: u32) {
        self.link(block, 0, self.after[0]);
    }

    pub(crate) fn push_back(&mut self, block: u32) {
        self.link(block, self.before[0], 0);
    }

    /// Takes a block out. Its own links stay as they are, for [`FreeList::relink`].
    pub(crate) fn unlink(&mut self, block: u32) {
        let (before, after) = (self.before[block as usize], self.after[block as usize]);
        self.after[before as usize] = after;
        self.before[after as usize] = before;
        self.len -= 1;
    }

    /// Puts a block back where it was taken out. Undoes the latest [`FreeList::unlink`] that was not undone, provided that
    /// nothing was pushed since (Knuth's dancing links).
    pub(crate) fn relink(&mut self, block: u32) {
        self.link(block, self.before[block as usize], self.after[block as usize]);
    }

    fn link(&mut self, block: u32, before: u32, after: u32) {
        self.before[block as usize] = before;
        self.after[block as usize] = after;
        self.after[before as usize] = block;
        self.before[after as usize] = block;
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relinking_backwards_restores_the_order() {
        let mut list = FreeList::new(6);
        list.unlink(3);
        list.push_front(3);
        list.unlink(1);
        list.push_back(1);
        let order: Vec<u32> = list.iter().collect();
        assert_eq!(order, [3, 2, 4, 5, 1]);
        for block in [4, 3, 5, 1, 2] {
            list.unlink(block);
        }
        assert_eq!((list.len(), list.first()), (0, None));
        for block in [2, 1, 5, 3, 4] {
            list.relink(block);
        }
        assert_eq!(list.iter().collect::<Vec<u32>>(), order);
    }
}
