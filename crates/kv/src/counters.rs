//! What the block manager has done, and how full it is.

/// Sums since the start. What is rolled back was not done, but for evictions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tokens that were looked up in the prefix index: those known when a sequence was admitted, and all found later.
    pub queries: u64,
    /// Tokens that were found, and are not computed again.
    pub hits: u64,
    /// Tokens that were computed and committed.
    pub computed: u64,
    /// Blocks that were taken from the free list.
    pub allocations: u64,
    /// Contents that were dropped because their block was taken for another.
    pub evictions: u64,
    /// Blocks that were copied because another sequence held them too.
    pub copies: u64,
    /// Blocks that turned out to hold what another block held already, and were freed in its favour.
    pub duplicates: u64,
}

impl Counters {
    /// Tokens that were looked up in vain.
    pub fn misses(&self) -> u64 {
        self.queries - self.hits
    }
}

/// How full the pool is. `free + used + 1` (the null block) are all blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// All blocks, the null block included.
    pub blocks: u32,
    /// Blocks that nobody holds; they can be taken at once.
    pub free: u32,
    /// Those of the free blocks that still have their content.
    pub cached: u32,
    /// Blocks that a sequence holds.
    pub used: u32,
    /// Open sequences.
    pub sequences: u32,
}
