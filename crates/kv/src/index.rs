//! Which block holds which content.

use hashbrown::{HashTable, hash_table::Entry};

use crate::{BlockName, Salt};

/// The identity that stands before the first block of a sequence.
pub(crate) const ROOT: u64 = 1;

/// What a full block holds: its tokens, and all before them by the identity of the block before.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) name: BlockName,
    /// The identity of the block before, or [`ROOT`].
    pub(crate) parent: u64,
    /// Compared for first blocks only: all others have it through their parents.
    pub(crate) salt: &'a Salt,
    pub(crate) tokens: &'a [u32],
}

/// The prefix index. A block's name only says where to look; whether a content is the one looked for is decided by its
/// tokens and by its parent's *identity*, a number that is never given twice. So contents whose names collide are two
/// contents, and so are all that follow them.
///
/// Operations are O(1) expected, and comparing or copying the tokens of one block.
#[derive(Debug)]
pub(crate) struct PrefixIndex {
    visible: HashTable<u32>,
    // By block: its content's identity (0: none), and the content.
    identities: Vec<u64>,
    parents: Vec<u64>,
    names: Vec<BlockName>,
    salts: Vec<Salt>,
    tokens: Vec<u32>,
    block_tokens: usize,
    last_identity: u64,
}

impl PrefixIndex {
    /// An empty index. O(blocks · block tokens).
    pub(crate) fn new(blocks: u32, block_tokens: u32) -> Self {
        let (blocks, block_tokens) = (blocks as usize, block_tokens as usize);
        PrefixIndex {
            visible: HashTable::new(),
            identities: vec![0; blocks],
            parents: vec![0; blocks],
            names: vec![[0; 32]; blocks],
            salts: vec![[0; 32]; blocks],
            tokens: vec![0; blocks * block_tokens],
            block_tokens,
            last_identity: ROOT,
        }
    }

    /// The identity of a block's content, if it has one.
    pub(crate) fn identity(&self, block: u32) -> Option<u64> {
        Some(self.identities[block as usize]).filter(|&identity| identity != 0)
    }

    /// The visible block with this content.
    pub(crate) fn find(&self, content: &Content) -> Option<u32> {
        self.visible.find(hash(&content.name), |&block| self.holds(block, content)).copied()
    }

    /// Gives a block its content, which no visible block has, and makes it visible.
    pub(crate) fn publish(&mut self, block: u32, content: &Content) {
        let at = block as usize;
        self.last_identity += 1;
        self.identities[at] = self.last_identity;
        self.parents[at] = content.parent;
        self.names[at] = content.name;
        self.salts[at] = *content.salt;
        self.tokens[at * self.block_tokens..][..self.block_tokens].copy_from_slice(content.tokens);
        self.show(block);
    }

    /// Keeps a block from being found without taking its content.
    pub(crate) fn hide(&mut self, block: u32) {
        let hash = hash(&self.names[block as usize]);
        if let Ok(entry) = self.visible.find_entry(hash, |&other| other == block) {
            entry.remove();
        }
    }

    /// Makes a hidden block visible again.
    pub(crate) fn show(&mut self, block: u32) {
        let names = &self.names;
        let rehash = |&block: &u32| hash(&names[block as usize]);
        if let Entry::Vacant(place) = self.visible.entry(rehash(&block), |&other| other == block, rehash) {
            place.insert(block);
        }
    }

    /// Takes a hidden block's content; whether it had any.
    pub(crate) fn forget(&mut self, block: u32) -> bool {
        std::mem::take(&mut self.identities[block as usize]) != 0
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.visible.len()
    }

    fn holds(&self, block: u32, content: &Content) -> bool {
        let at = block as usize;
        self.parents[at] == content.parent
            && self.tokens[at * self.block_tokens..][..self.block_tokens] == *content.tokens
            && (content.parent != ROOT || self.salts[at] == *content.salt)
    }
}

/// A name is a cryptographic digest; any eight of its bytes are a good hash.
fn hash(name: &BlockName) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *name;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
