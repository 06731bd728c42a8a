//! A sequence: the tokens of one choice of one request, and the blocks that hold their keys and values.

use crate::{BlockName, Salt, index::Content, name::NameBlock};

/// The tokens known so far (prompt and what was sampled), of which the first `committed` are computed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sequence {
    pub(crate) tokens: Vec<u32>,
    /// The names of its full blocks, computed or not.
    pub(crate) names: Vec<BlockName>,
    /// Its blocks: as many as the computed tokens need, and during a run what was reserved.
    pub(crate) table: Vec<u32>,
    pub(crate) committed: u32,
    /// The length that it must not exceed.
    pub(crate) limit: u32,
    /// Numbers the sequences that hold blocks in the order in which they came to; 0 for one that holds none.
    pub(crate) admitted: u64,
    pub(crate) salt: Salt,
}

impl Sequence {
    pub(crate) fn known(&self) -> u32 {
        self.tokens.len() as u32
    }

    /// Names the blocks that have become full. O(their tokens).
    pub(crate) fn name_blocks(&mut self, block_tokens: usize, name: NameBlock) {
        let named = self.names.len();
        for tokens in self.tokens.chunks_exact(block_tokens).skip(named) {
            let parent = self.names.last().unwrap_or(&self.salt);
            self.names.push(name(parent, tokens));
        }
    }

    /// What its block number `at` holds, which must be full, after the block with the identity `parent`.
    pub(crate) fn content(&self, at: usize, parent: u64, block_tokens: usize) -> Content<'_> {
        let tokens = &self.tokens[at * block_tokens..][..block_tokens];
        Content { name: self.names[at], parent, salt: &self.salt, tokens }
    }

    /// Whether its first `end` tokens are those of `other`, under the same salt.
    pub(crate) fn agrees(&self, other: &Sequence, end: usize) -> bool {
        self.salt == other.salt && other.tokens.get(..end).is_some_and(|tokens| self.tokens.get(..end) == Some(tokens))
    }
}
