//! The end of a run: its results are kept, or it never was.

use headrace_core::{Error, Result};

use crate::{
    BlockManager,
    index::ROOT,
    run::{Row, Run},
};

impl BlockManager {
    /// Ends run number `run`, whose results have been written to the slots of the positions that are kept.
    ///
    /// By row: the first `kept` positions are computed from now on, and `appended` new tokens, taken in turn from `tokens`,
    /// are known. A row that keeps nothing (its request failed) and one that keeps only the drafts that were
    /// accepted give back the blocks that they do not need. Blocks that have become full can be found from now on;
    /// if another holds the same content already, the sequence goes on with that one and its own becomes free.
    /// O(blocks taken + tokens of blocks that became full).
    ///
    /// # Errors
    /// If that run is not open (it was ended before: a late answer), the lists do not fit its rows, more is kept than
    /// was reserved or is known, or a sequence would exceed its limit. The run stays open.
    pub fn commit(&mut self, run: u32, kept: &[u32], appended: &[u32], tokens: &[u32]) -> Result<()> {
        self.check(self.open_run(run)?, kept, appended, tokens)?;
        let Some(run) = self.run.take() else { return Ok(()) };
        for &block in &run.fresh {
            self.counters.evictions += u64::from(self.pool.index.forget(block));
        }
        let mut tokens = tokens;
        for ((row, &kept), &appended) in run.rows.iter().zip(kept).zip(appended) {
            let (new, later) = tokens.split_at(appended as usize);
            tokens = later;
            self.keep(row, kept, new);
        }
        Ok(())
    }

    /// Ends run number `run` as if it had never been reserved; O(blocks reserved).
    ///
    /// `written` says that bytes may have been written to its slots. Then the blocks that it took come back without their
    /// former content; without it only those that were copied to do.
    ///
    /// # Errors
    /// If that run is not open.
    pub fn roll_back(&mut self, run: u32, written: bool) -> Result<()> {
        self.open_run(run)?;
        let Some(run) = self.run.take() else { return Ok(()) };
        let copies = run.rows.iter().filter(|row| row.left.is_some()).count();
        let lost = if written { &run.fresh[..] } else { &run.fresh[..copies] };
        self.undo(&run);
        let dropped = lost.iter().rev().map(|&block| u64::from(self.pool.drop_content(block)));
        self.counters.evictions += dropped.sum::<u64>();
        Ok(())
    }

    /// Restores what was before the run, in the reverse order.
    pub(crate) fn undo(&mut self, run: &Run) {
        run.fresh.iter().rev().for_each(|&block| self.pool.put_back(block));
        for row in run.rows.iter().rev() {
            let sequence = self.sequences.at_mut(row.place);
            // Of the blocks beyond those held before, the row found as many as it begins later.
            let found = (row.start - row.committed) / self.options.block_tokens;
            if let Some(block) = row.left {
                self.pool.refer(block);
                sequence.table.truncate(row.held as usize - 1);
                sequence.table.push(block);
            }
            let beyond = sequence.table.drain(row.held as usize..).take(found as usize).collect::<Vec<_>>();
            beyond.into_iter().rev().for_each(|block| self.pool.unshare(block));
            sequence.committed = row.committed;
            if row.held == 0 {
                sequence.admitted = 0;
            }
        }
        self.counters = run.counters;
        self.admissions = run.admissions;
    }

    fn open_run(&self, number: u32) -> Result<&Run> {
        match &self.run {
            Some(run) if run.number == number => Ok(run),
            _ => Err(Error::internal(format!("run {number} is not open"))),
        }
    }

    fn check(&self, run: &Run, kept: &[u32], appended: &[u32], tokens: &[u32]) -> Result<()> {
        let total: u64 = appended.iter().map(|&count| u64::from(count)).sum();
        if [kept.len(), appended.len()] != [run.rows.len(); 2] || total != tokens.len() as u64 {
            let what = format!("{} rows with {}, {} and {total}", run.rows.len(), kept.len(), appended.len());
            return Err(Error::internal(format!("a run of {what} entries and {} tokens", tokens.len())));
        }
        for ((row, &kept), &appended) in run.rows.iter().zip(kept).zip(appended) {
            let sequence = self.sequences.at(row.place);
            let known = u64::from(sequence.known()) + u64::from(appended);
            let computed = u64::from(row.start) + u64::from(kept);
            if kept > row.count || computed > known || known > sequence.limit.into() {
                let reserved =
                    format!("{} positions from {}, and its limit is {}", row.count, row.start, sequence.limit);
                let number = self.sequences.number(row.place);
                return Err(Error::internal(format!(
                    "{kept} positions and {appended} tokens do not fit sequence {number}: the run has {reserved}"
                )));
            }
        }
        Ok(())
    }

    /// Keeps the first positions of a row.
    fn keep(&mut self, row: &Row, kept: u32, new: &[u32]) {
        let block_tokens = self.block_tokens();
        let sequence = self.sequences.at_mut(row.place);
        sequence.tokens.extend_from_slice(new);
        sequence.name_blocks(block_tokens, self.name);
        sequence.committed = row.start + kept;
        self.counters.computed += u64::from(kept);
        if self.options.prefix_cache {
            let full = sequence.committed as usize / block_tokens;
            (row.start as usize / block_tokens..full).for_each(|at| self.publish(row.place, at));
        }
        let sequence = self.sequences.at_mut(row.place);
        let needed = sequence.committed.div_ceil(self.options.block_tokens) as usize;
        sequence.table.drain(needed..).rev().for_each(|block| _ = self.pool.release(block));
        if sequence.table.is_empty() {
            sequence.admitted = 0;
        }
    }

    /// Lets a block that has become full be found, or takes the one that can be found already.
    fn publish(&mut self, place: usize, at: usize) {
        let sequence = self.sequences.at_mut(place);
        let before = at.checked_sub(1).map(|before| self.pool.index.identity(sequence.table[before]));
        // All full blocks that a sequence holds have an identity; without one this block could not be found either.
        let Some(parent) = before.unwrap_or(Some(ROOT)) else { return };
        let block = sequence.table[at];
        let content = sequence.content(at, parent, self.options.block_tokens as usize);
        let Some(other) = self.pool.index.find(&content) else { return self.pool.index.publish(block, &content) };
        sequence.table[at] = other;
        self.pool.share(other);
        self.pool.release(block);
        self.counters.duplicates += 1;
    }
}
