//! How large the pool is, and what it may be asked for.

use headrace_core::{Code, Error, Result};

/// Most tokens in a block.
pub const BLOCK_TOKENS_MAX: u32 = 1024;
/// Most tokens in the pool, its null block included.
pub const POOL_TOKENS_MAX: u32 = 1 << 26;
/// Most sequences that are open at a time.
pub const SEQUENCES_MAX: u32 = 65_535;
/// Most entries in the tables of one run, and most tokens in one.
pub const RUN_ENTRIES_MAX: u64 = 1 << 26;

/// The options of a [`BlockManager`](crate::BlockManager).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Blocks of the pool, the null block included; at least 2.
    pub blocks: u32,
    /// Tokens in a block; 1 to [`BLOCK_TOKENS_MAX`].
    pub block_tokens: u32,
    /// Sequences that may be open at a time, waiting ones included; 1 to [`SEQUENCES_MAX`].
    pub sequences: u32,
    /// Blocks that stay free when a run admits a sequence while others hold blocks, so that those can go on.
    pub watermark: u32,
    /// Whether blocks are shared between sequences that were not forked from each other.
    pub prefix_cache: bool,
}

impl Options {
    /// `HR_OPTION_INVALID` for what is out of its range.
    pub(crate) fn check(&self) -> Result<()> {
        let tokens = u64::from(self.blocks) * u64::from(self.block_tokens);
        let refuse = |what: String| Err(Error::new(Code::OptionInvalid, what));
        if !(1..=BLOCK_TOKENS_MAX).contains(&self.block_tokens) {
            return refuse(format!("a block holds 1 to {BLOCK_TOKENS_MAX} tokens, not {}", self.block_tokens));
        }
        if self.blocks < 2 || tokens > u64::from(POOL_TOKENS_MAX) {
            let most = POOL_TOKENS_MAX / self.block_tokens;
            return refuse(format!("the pool takes 2 to {most} blocks of this size, not {}", self.blocks));
        }
        if !(1..=SEQUENCES_MAX).contains(&self.sequences) {
            return refuse(format!("1 to {SEQUENCES_MAX} sequences can be open, not {}", self.sequences));
        }
        if self.watermark >= self.blocks - 1 {
            let usable = self.blocks - 1;
            return refuse(format!("the watermark must be below the {usable} usable blocks, not {}", self.watermark));
        }
        Ok(())
    }
}
