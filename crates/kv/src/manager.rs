//! The block manager: sequences come, are forked, give their blocks back, and go.

use headrace_core::{Code, Error, Result};

use crate::{
    Counters, Options, Salt, Usage,
    name::{NameBlock, name_block},
    pool::Pool,
    run::Run,
    sequence::Sequence,
    sequences::Sequences,
};

/// The bookkeeping of a paged KV cache; see the [crate](crate) for how it is used.
///
/// Every method either does what it says or returns an error and changes nothing. Calls that no correct engine makes
/// (numbers of closed sequences, a second run before the first has ended, lists of different lengths) are
/// `HR_INTERNAL`.
#[derive(Debug)]
pub struct BlockManager {
    pub(crate) options: Options,
    pub(crate) pool: Pool,
    pub(crate) sequences: Sequences,
    pub(crate) counters: Counters,
    /// How many sequences have been admitted.
    pub(crate) admissions: u64,
    pub(crate) run: Option<Run>,
    pub(crate) last_run: u32,
    pub(crate) name: NameBlock,
}

impl BlockManager {
    /// A manager whose blocks are all free. O(blocks · block tokens).
    ///
    /// # Errors
    /// `HR_OPTION_INVALID` for an option out of its range.
    pub fn new(options: Options) -> Result<Self> {
        options.check()?;
        Ok(BlockManager {
            pool: Pool::new(options.blocks, options.block_tokens),
            sequences: Sequences::new(options.sequences),
            counters: Counters::default(),
            admissions: 0,
            run: None,
            last_run: 0,
            name: name_block,
            options,
        })
    }

    /// Opens a sequence with the tokens known so far, which may grow to `limit` tokens, and returns its number. It holds
    /// no block until a run admits it. Sequences share blocks only under equal `salt`. O(tokens).
    ///
    /// # Errors
    /// `HR_KV_CAPACITY` if `limit` tokens can never be in the pool at a time, or too many sequences are open.
    pub fn open(&mut self, tokens: &[u32], limit: u32, salt: Salt) -> Result<u32> {
        let most = u64::from(self.options.blocks - 1) * u64::from(self.options.block_tokens);
        if u64::from(limit) > most {
            let message =
                format!("a sequence of up to {limit} tokens does not fit into the KV cache, which holds {most}");
            let hint = "Shorten the prompt, ask for fewer tokens, or give the cache more blocks.";
            return Err(Error::new(Code::KvCapacity, message).hint(hint));
        }
        if tokens.is_empty() || tokens.len() > limit as usize {
            return Err(Error::internal(format!(
                "a sequence of {} tokens cannot have the limit {limit}",
                tokens.len()
            )));
        }
        let mut sequence = Sequence { tokens: tokens.to_vec(), limit, salt, ..Sequence::default() };
        sequence.name_blocks(self.block_tokens(), self.name);
        self.sequences.insert(sequence)
    }

    /// Opens a sequence with the first `keep` tokens of `parent` and `tail` behind them. It holds the parent's blocks too;
    /// whoever writes into a partly filled one first, while both hold it, gets a copy. O(tokens).
    ///
    /// # Errors
    /// `HR_KV_CAPACITY` if too many sequences are open. `keep` must cover the parent's computed tokens.
    pub fn fork(&mut self, parent: u32, keep: u32, tail: &[u32]) -> Result<u32> {
        self.without_run()?;
        let parent = self.sequences.at(self.sequences.place(parent)?);
        let room = parent.limit.saturating_sub(keep) as usize;
        if keep < parent.committed.max(1) || keep > parent.known() || tail.len() > room {
            let (computed, known, limit) = (parent.committed, parent.known(), parent.limit);
            let what = format!("{keep} and {} more tokens", tail.len());
            let of = format!("{known} tokens, {computed} of them computed, of at most {limit}");
            return Err(Error::internal(format!("a sequence of {of}, cannot be forked with {what}")));
        }
        let mut child = parent.clone();
        child.tokens.truncate(keep as usize);
        child.names.truncate(keep as usize / self.block_tokens());
        child.tokens.extend_from_slice(tail);
        child.name_blocks(self.block_tokens(), self.name);
        if child.admitted != 0 {
            child.admitted = self.admissions + 1;
        }
        let (table, admitted) = (child.table.clone(), child.admitted);
        let number = self.sequences.insert(child)?;
        self.admissions = self.admissions.max(admitted);
        table.iter().for_each(|&block| self.pool.refer(block));
        Ok(number)
    }

    /// Takes all blocks from sequences, which stay open with their tokens (preemption), and returns how many blocks became
    /// free. Full blocks keep their content, so that it may be found when the sequence is admitted again.
    /// O(blocks freed).
    ///
    /// # Errors
    /// If a run is open, or a number is not that of an open sequence or comes twice.
    pub fn release(&mut self, sequences: &[u32]) -> Result<u32> {
        self.without_run()?;
        let places = self.sequences.places(sequences)?;
        Ok(places.into_iter().map(|place| self.free_blocks(place)).sum())
    }

    /// [Releases](BlockManager::release) sequences and forgets them.
    ///
    /// # Errors
    /// If a run is open, or a number is not that of an open sequence or comes twice.
    pub fn close(&mut self, sequences: &[u32]) -> Result<u32> {
        self.without_run()?;
        let places = self.sequences.places(sequences)?;
        let freed = places.iter().map(|&place| self.free_blocks(place)).sum();
        places.into_iter().for_each(|place| self.sequences.remove(place));
        Ok(freed)
    }

    /// Drops the content of all free blocks, and returns how many had some. What a sequence holds stays. O(free blocks).
    ///
    /// # Errors
    /// If a run is open.
    pub fn reset(&mut self) -> Result<u32> {
        self.without_run()?;
        Ok(self.pool.reset())
    }

    /// The options.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Sums since the start. What an open run adds is in them once it is committed, so that no rollback makes them fall.
    pub fn counters(&self) -> Counters {
        self.run.as_ref().map_or(self.counters, |run| run.counters)
    }

    /// How full the pool is. O(1).
    pub fn usage(&self) -> Usage {
        Usage {
            blocks: self.options.blocks,
            free: self.pool.free(),
            cached: self.pool.cached(),
            used: self.pool.used(),
            sequences: self.sequences.len(),
        }
    }

    pub(crate) fn block_tokens(&self) -> usize {
        self.options.block_tokens as usize
    }

    pub(crate) fn without_run(&self) -> Result<()> {
        match &self.run {
            None => Ok(()),
            Some(run) => Err(Error::internal(format!("run {} has been neither committed nor rolled back", run.number))),
        }
    }

    fn free_blocks(&mut self, place: usize) -> u32 {
        let sequence = self.sequences.at_mut(place);
        sequence.committed = 0;
        sequence.admitted = 0;
        // The last block first: what follows a block is dropped before it.
        std::mem::take(&mut sequence.table).into_iter().rev().map(|block| u32::from(self.pool.release(block))).sum()
    }
}
