//! Blocks that leave and come: to a file, another engine, another machine. Their bytes are the caller's.

use headrace_core::{Code, Error, Result};

use crate::{BlockManager, BlockName, Salt};

/// The full, computed blocks of a sequence, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Where the bytes are. They stay there at least until the sequence is released or closed.
    pub blocks: Vec<u32>,
    /// What the contents are called.
    pub names: Vec<BlockName>,
    /// Block after block, their tokens.
    pub tokens: Vec<u32>,
}

impl BlockManager {
    /// The full, computed blocks of a sequence. O(their tokens).
    ///
    /// # Errors
    /// If a run is open, or no open sequence has that number.
    pub fn export(&self, sequence: u32) -> Result<Exported> {
        self.without_run()?;
        let sequence = self.sequences.at(self.sequences.place(sequence)?);
        let full = sequence.committed as usize / self.block_tokens();
        Ok(Exported {
            blocks: sequence.table[..full].to_vec(),
            names: sequence.names[..full].to_vec(),
            tokens: sequence.tokens[..full * self.block_tokens()].to_vec(),
        })
    }

    /// Opens a sequence for blocks that come from elsewhere. It is reserved like any other; its run writes the
    /// bytes instead of computing them, of the blocks from `starts` on, since those before were found here. After the commit it
    /// may be closed: the blocks can be found. O(tokens).
    ///
    /// # Errors
    /// `HR_DATA_CORRUPT` if `tokens` are not whole blocks with the given names; else as [`BlockManager::open`].
    pub fn import(&mut self, tokens: &[u32], names: &[BlockName], limit: u32, salt: Salt) -> Result<u32> {
        let block_tokens = self.block_tokens();
        let corrupt = |what: String| Err(Error::new(Code::DataCorrupt, what).hint("Compute these blocks again."));
        if Some(tokens.len()) != names.len().checked_mul(block_tokens) {
            return corrupt(format!("{} tokens are not {} blocks of {block_tokens}", tokens.len(), names.len()));
        }
        let mut parent = &salt;
        for (at, (tokens, name)) in tokens.chunks_exact(block_tokens).zip(names).enumerate() {
            if (self.name)(parent, tokens) != *name {
                return corrupt(format!("the name of block {at} is not that of its tokens under this salt"));
            }
            parent = name;
        }
        self.open(tokens, limit, salt)
    }
}
