//! A run: what was reserved for it, and how to undo that.

use crate::Counters;

/// What came of [`BlockManager::reserve`](crate::BlockManager::reserve).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// The run may go ahead.
    Run(Reservation),
    /// So many free blocks are missing, with the watermark where it counts; nothing has changed.
    Short(u32),
}

/// What a run is to compute, to read, and where its results go. Positions count tokens from a sequence's first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reservation {
    /// The run's number, under which it is committed or rolled back.
    pub run: u32,
    /// By row: the first position to compute. Later than what the sequence had computed if more was found.
    pub starts: Vec<u32>,
    /// By row: how many positions to compute. Fewer than asked for if more was found, but at least one.
    pub counts: Vec<u32>,
    /// Blocks in a row of `tables`.
    pub width: u32,
    /// Rows × `width`: the blocks of each row's sequence, in order, then null blocks (0).
    pub tables: Vec<i32>,
    /// Row after row, for each position to compute: block · block tokens + place in the block.
    pub slots: Vec<i32>,
    /// Pairs of blocks (from, to): the bytes of each `from` must be in its `to` before the run.
    pub copies: Vec<i32>,
}

/// A run that has been reserved.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) number: u32,
    pub(crate) rows: Vec<Row>,
    /// The blocks taken for it, in order, those for copies first. Their former contents are hidden, and dropped by the commit.
    pub(crate) fresh: Vec<u32>,
    // What a rollback restores.
    pub(crate) counters: Counters,
    pub(crate) admissions: u64,
}

#[derive(Debug)]
pub(crate) struct Row {
    /// Where the sequence lies.
    pub(crate) place: usize,
    pub(crate) start: u32,
    pub(crate) count: u32,
    /// How many blocks the sequence held before.
    pub(crate) held: u32,
    /// How many tokens it had computed before.
    pub(crate) committed: u32,
    /// The partly filled block that it left to its other holders.
    pub(crate) left: Option<u32>,
}

impl Row {
    /// The position behind the last one to compute.
    pub(crate) fn end(&self) -> u32 {
        self.start + self.count
    }
}
