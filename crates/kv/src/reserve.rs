//! Reserving a run: rows find what is cached, get copies of what they share, and take blocks for what they compute.

use headrace_core::{Error, Result};

use crate::{
    BlockManager, Reservation, Reserved,
    options::RUN_ENTRIES_MAX,
    run::{Row, Run},
};

impl BlockManager {
    /// Reserves a run of one row per sequence, with `counts` positions to compute in each.
    ///
    /// A row begins where its sequence's computed tokens end. First all rows take hold of the blocks that continue theirs
    /// in the prefix index; a row for which any is found begins behind them, and ends with the known tokens at the
    /// latest. Then a partly filled block that another sequence holds too is replaced by a copy, and
    /// blocks are taken from the free list. A row may go beyond the known tokens (drafts) up to its sequence's limit.
    ///
    /// A run that admits a sequence (one that held no block) while others hold blocks leaves `watermark` blocks free.
    /// O(rows · log rows + blocks of all tables + positions).
    ///
    /// # Errors
    /// If a run is open, there are no rows, a number is not that of an open sequence or comes twice, or a count is 0 or
    /// goes beyond the sequence's limit.
    pub fn reserve(&mut self, sequences: &[u32], counts: &[u32]) -> Result<Reserved> {
        self.without_run()?;
        let rows = self.rows(sequences, counts)?;
        let admits = rows.iter().any(|row| row.held == 0);
        let others = self.pool.used() > 0;
        let (counters, admissions) = (self.counters, self.admissions);
        let mut run = Run { number: next(self.last_run), rows, fresh: Vec::new(), counters, admissions };

        run.rows.iter_mut().for_each(|row| self.take_hold(row));
        let wanted: u64 = run.rows.iter_mut().map(|row| self.wanted(row)).sum();
        let watermark = if admits && others { self.options.watermark } else { 0 };
        let missing = (wanted + u64::from(watermark)).saturating_sub(self.pool.free().into());
        if missing > 0 {
            self.undo(&run);
            return Ok(Reserved::Short(u32::try_from(missing).unwrap_or(u32::MAX)));
        }
        // Copies first: a rollback drops what they lie over, and by the order of the free list nothing continues that.
        run.rows.iter().for_each(|row| self.take_copy(row, &mut run.fresh));
        run.rows.iter().for_each(|row| self.take_more(row, &mut run.fresh));
        self.counters.allocations += run.fresh.len() as u64;
        self.last_run = run.number;
        let reservation = self.describe(&run);
        self.run = Some(run);
        Ok(Reserved::Run(reservation))
    }

    /// Checks what is asked for.
    fn rows(&self, sequences: &[u32], counts: &[u32]) -> Result<Vec<Row>> {
        if sequences.is_empty() || sequences.len() != counts.len() {
            let (rows, counts) = (sequences.len(), counts.len());
            return Err(Error::internal(format!("a run of {rows} sequences cannot have {counts} counts")));
        }
        let (mut longest, mut positions) = (0, 0);
        let places = self.sequences.places(sequences)?;
        let rows = places.into_iter().zip(counts).map(|(place, &count)| {
            let sequence = self.sequences.at(place);
            let start = sequence.committed;
            if count == 0 || count > sequence.limit - start {
                let (number, limit) = (self.sequences.number(place), sequence.limit);
                let what = format!("{count} positions from {start} in sequence {number}, whose limit is {limit}");
                return Err(Error::internal(format!("a run cannot compute {what}")));
            }
            longest = longest.max(sequence.known().max(start + count));
            positions += u64::from(count);
            Ok(Row { place, start, count, held: sequence.table.len() as u32, committed: start, left: None })
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let entries = rows.len() as u64 * u64::from(longest.div_ceil(self.options.block_tokens));
        if entries.max(positions) > RUN_ENTRIES_MAX {
            let what = format!("{positions} positions and tables of {entries} blocks");
            return Err(Error::internal(format!("a run of {what} is larger than {RUN_ENTRIES_MAX}")));
        }
        Ok(rows)
    }

    /// Gives a row what the prefix index has for it.
    fn take_hold(&mut self, row: &mut Row) {
        let found: Vec<u32> = self.found(self.sequences.at(row.place)).collect();
        found.iter().for_each(|&block| self.pool.share(block));
        let tokens = found.len() as u32 * self.options.block_tokens;
        let sequence = self.sequences.at_mut(row.place);
        if row.held == 0 {
            self.admissions += 1;
            sequence.admitted = self.admissions;
            self.counters.queries += u64::from(sequence.known());
        } else {
            self.counters.queries += u64::from(tokens);
        }
        self.counters.hits += u64::from(tokens);
        sequence.table.extend(found);
        sequence.committed += tokens;
        if tokens > 0 {
            row.start = sequence.committed;
            row.count = row.count.min(sequence.known() - sequence.committed);
        }
    }

    /// How many blocks a row must take; lets go of the partly filled one that it shares.
    fn wanted(&mut self, row: &mut Row) -> u64 {
        let sequence = self.sequences.at(row.place);
        let partly = !row.start.is_multiple_of(self.options.block_tokens);
        row.left = sequence.table.last().copied().filter(|&block| partly && self.pool.references(block) > 1);
        let more = row.end().div_ceil(self.options.block_tokens) - sequence.table.len() as u32;
        if let Some(block) = row.left {
            // Others hold it, so it is not freed; and the last of them to write will find itself alone.
            self.pool.leave(block);
            self.counters.copies += 1;
        }
        u64::from(more) + u64::from(row.left.is_some())
    }

    /// Takes a block for the copy of the one that the row let go of.
    fn take_copy(&mut self, row: &Row, fresh: &mut Vec<u32>) {
        if row.left.is_some() {
            let table = &mut self.sequences.at_mut(row.place).table;
            table.pop();
            fresh.extend(self.pool.take());
            table.extend(fresh.last());
        }
    }

    /// Takes the blocks that the row needs beyond those.
    fn take_more(&mut self, row: &Row, fresh: &mut Vec<u32>) {
        let table = &mut self.sequences.at_mut(row.place).table;
        let more = row.end().div_ceil(self.options.block_tokens) as usize - table.len();
        let before = fresh.len();
        fresh.extend(std::iter::from_fn(|| self.pool.take()).take(more));
        table.extend(&fresh[before..]);
    }

    fn describe(&self, run: &Run) -> Reservation {
        let block_tokens = self.options.block_tokens;
        let tables = run.rows.iter().map(|row| &self.sequences.at(row.place).table);
        let width = tables.clone().map(Vec::len).max().unwrap_or(0);
        let mut described = Reservation {
            run: run.number,
            starts: run.rows.iter().map(|row| row.start).collect(),
            counts: run.rows.iter().map(|row| row.count).collect(),
            width: width as u32,
            tables: vec![0; width * run.rows.len()],
            ..Reservation::default()
        };
        // Blocks and slots fit: a pool has at most 2^26 tokens.
        for ((row, table), into) in run.rows.iter().zip(tables).zip(described.tables.chunks_exact_mut(width.max(1))) {
            into.iter_mut().zip(table).for_each(|(entry, &block)| *entry = block as i32);
            let slot = |at: u32| (table[(at / block_tokens) as usize] * block_tokens + at % block_tokens) as i32;
            described.slots.extend((row.start..row.end()).map(slot));
            if let Some(from) = row.left {
                described.copies.extend([from as i32, table[(row.start / block_tokens) as usize] as i32]);
            }
        }
        described
    }
}

/// Numbers of runs are never 0.
fn next(run: u32) -> u32 {
    run.checked_add(1).unwrap_or(1)
}
