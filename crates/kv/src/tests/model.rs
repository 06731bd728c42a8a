//! What the block manager does, said as plainly as possible: contents are whole prefixes, holders are counted by looking,
//! the free list is a list, and a rollback is a copy from before.

use std::collections::BTreeMap;

use crate::{Counters, Options, Salt};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tokens {
    pub(super) tokens: Vec<u32>,
    pub(super) table: Vec<u32>,
    pub(super) computed: usize,
    pub(super) limit: usize,
    pub(super) salt: Salt,
    pub(super) admitted: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) sequence: u32,
    pub(super) start: usize,
    pub(super) count: usize,
    /// The block that was copied, and its copy.
    pub(super) copy: Option<(u32, u32)>,
}

#[derive(Clone)]
pub(super) struct OpenRun {
    pub(super) rows: Vec<Row>,
    fresh: Vec<u32>,
    hidden: u64,
    before: Box<Model>,
}

#[derive(Clone)]
pub(super) struct Model {
    options: Options,
    size: usize,
    pub(super) free: Vec<u32>,
    pub(super) contents: BTreeMap<u32, (Salt, Vec<u32>)>,
    pub(super) sequences: BTreeMap<u32, Tokens>,
    pub(super) counters: Counters,
    admissions: u64,
    pub(super) run: Option<OpenRun>,
}

impl Model {
    pub(super) fn new(options: Options) -> Self {
        Model {
            options,
            size: options.block_tokens as usize,
            free: (1..options.blocks).collect(),
            contents: BTreeMap::new(),
            sequences: BTreeMap::new(),
            counters: Counters::default(),
            admissions: 0,
            run: None,
        }
    }

    pub(super) fn holders(&self, block: u32) -> usize {
        self.sequences.values().filter(|sequence| sequence.table.contains(&block)).count()
    }

    pub(super) fn open(&mut self, number: u32, tokens: &[u32], limit: usize, salt: Salt) {
        let (tokens, table) = (tokens.to_vec(), Vec::new());
        let known = self.sequences.insert(number, Tokens { tokens, table, computed: 0, limit, salt, admitted: 0 });
        assert!(known.is_none(), "the number {number} was given twice");
    }

    pub(super) fn fork(&mut self, number: u32, parent: u32, keep: usize, tail: &[u32]) {
        let mut child = self.sequences[&parent].clone();
        child.tokens.truncate(keep);
        child.tokens.extend(tail);
        if !child.table.is_empty() {
            self.admissions += 1;
            child.admitted = self.admissions;
        }
        self.sequences.insert(number, child);
    }

    /// The block that holds the first `end` tokens of a sequence together with what is before it.
    fn find(&self, sequence: &Tokens, end: usize) -> Option<u32> {
        let same = |(salt, tokens): &(Salt, Vec<u32>)| *salt == sequence.salt && tokens[..] == sequence.tokens[..end];
        self.contents.iter().find(|(_, content)| same(content)).map(|(&block, _)| block)
    }

    /// How many tokens of a sequence need not be computed, and the blocks that would be found.
    pub(super) fn cached(&self, number: u32) -> (usize, Vec<u32>) {
        let sequence = &self.sequences[&number];
        let (mut computed, mut found) = (sequence.computed, Vec::new());
        while self.options.prefix_cache && computed % self.size == 0 && computed + self.size < sequence.tokens.len() {
            let Some(block) = self.find(sequence, computed + self.size) else { break };
            found.push(block);
            computed += self.size;
        }
        (computed, found)
    }

    /// The sums without what an open run adds to them.
    pub(super) fn sums(&self) -> Counters {
        self.run.as_ref().map_or(self.counters, |run| run.before.counters)
    }

    pub(super) fn leader(&self, asked: &[u32], at: usize) -> u32 {
        let sequence = &self.sequences[&asked[at]];
        let end = (self.cached(asked[at]).0 / self.size + 1) * self.size;
        // Whoever is in the middle of a block goes on with its own.
        if !self.options.prefix_cache || end >= sequence.tokens.len() || !sequence.computed.is_multiple_of(self.size) {
            return 0;
        }
        let computes = |number: u32, computed: usize| {
            let other = &self.sequences[&number];
            let full = other.tokens.len() / self.size * self.size;
            other.salt == sequence.salt
                && full >= end
                && other.tokens[..end] == sequence.tokens[..end]
                && computed < end
        };
        let running = self.sequences.iter().filter(|(number, other)| {
            let earlier = sequence.admitted == 0 || other.admitted < sequence.admitted;
            other.admitted != 0 && earlier && computes(**number, other.computed)
        });
        if let Some((&number, _)) = running.min_by_key(|(_, other)| other.admitted) {
            return number;
        }
        let waits = |number: u32| number != asked[at] && self.sequences[&number].admitted == 0;
        let mut earlier = asked[..at].iter().copied().filter(|&number| sequence.admitted == 0 && waits(number));
        earlier.find(|&number| computes(number, self.cached(number).0)).unwrap_or(0)
    }

    /// The rows of the run, or how many blocks are missing.
    pub(super) fn reserve(&mut self, wanted: &[(u32, usize)]) -> Result<(), usize> {
        let before = Box::new(self.clone());
        let others = self.sequences.values().any(|sequence| !sequence.table.is_empty());
        let (mut rows, mut admits) = (Vec::new(), false);
        for &(number, count) in wanted {
            let (computed, found) = self.cached(number);
            let sequence = self.sequences.get_mut(&number).unwrap();
            let tokens = (computed - sequence.computed) as u64;
            let admitted = sequence.table.is_empty();
            self.counters.queries += if admitted { sequence.tokens.len() as u64 } else { tokens };
            self.counters.hits += tokens;
            if admitted {
                admits = true;
                self.admissions += 1;
                sequence.admitted = self.admissions;
            }
            let count = if found.is_empty() { count } else { count.min(sequence.tokens.len() - computed) };
            sequence.computed = computed;
            sequence.table.extend(&found);
            self.free.retain(|block| !found.contains(block));
            rows.push(Row { sequence: number, start: computed, count, copy: None });
        }
        let mut needed = 0;
        for row in &mut rows {
            let table = &self.sequences[&row.sequence].table;
            let last = table.last().copied().filter(|&last| row.start % self.size != 0 && self.holders(last) > 1);
            if let Some(last) = last {
                row.copy = Some((last, 0));
                *self.sequences.get_mut(&row.sequence).unwrap().table.last_mut().unwrap() = 0;
            }
            let held = self.sequences[&row.sequence].table.len();
            needed += (row.start + row.count).div_ceil(self.size) - held + usize::from(last.is_some());
        }
        let kept_free = if admits && others { self.options.watermark as usize } else { 0 };
        if needed + kept_free > self.free.len() {
            let missing = needed + kept_free - self.free.len();
            *self = *before;
            return Err(missing);
        }
        let fresh: Vec<u32> = self.free.drain(..needed).collect();
        let mut next = fresh.iter().copied();
        for row in rows.iter_mut().filter(|row| row.copy.is_some()) {
            let block = next.next().unwrap();
            row.copy = row.copy.map(|(from, _)| (from, block));
            *self.sequences.get_mut(&row.sequence).unwrap().table.last_mut().unwrap() = block;
            self.counters.copies += 1;
        }
        for row in &rows {
            let table = &mut self.sequences.get_mut(&row.sequence).unwrap().table;
            while table.len() * self.size < row.start + row.count {
                table.push(next.next().unwrap());
            }
        }
        self.counters.allocations += needed as u64;
        let hidden = fresh.iter().filter(|block| self.contents.remove(block).is_some()).count() as u64;
        self.run = Some(OpenRun { rows, fresh, hidden, before });
        Ok(())
    }

    pub(super) fn roll_back(&mut self, written: bool) {
        let run = self.run.take().unwrap();
        let opened = std::mem::take(&mut self.sequences);
        *self = *run.before;
        for (number, sequence) in opened {
            self.sequences.entry(number).or_insert(sequence);
        }
        let copies: Vec<u32> = run.rows.iter().filter_map(|row| row.copy).map(|(_, copy)| copy).collect();
        for block in if written { run.fresh } else { copies }.into_iter().rev() {
            if self.contents.remove(&block).is_some() {
                self.counters.evictions += 1;
                self.free.retain(|&other| other != block);
                self.free.insert(0, block);
            }
        }
    }

    pub(super) fn commit(&mut self, results: &[(usize, Vec<u32>)]) {
        let run = self.run.take().unwrap();
        self.counters.evictions += run.hidden;
        for (row, (kept, new)) in run.rows.iter().zip(results) {
            let sequence = self.sequences.get_mut(&row.sequence).unwrap();
            sequence.tokens.extend(new);
            sequence.computed = row.start + kept;
            self.counters.computed += *kept as u64;
            let computed = sequence.computed;
            for at in row.start / self.size..computed / self.size {
                self.fill(row.sequence, at);
            }
            while self.sequences[&row.sequence].table.len() * self.size >= computed + self.size {
                let block = self.sequences.get_mut(&row.sequence).unwrap().table.pop().unwrap();
                self.give_back(block);
            }
            let sequence = self.sequences.get_mut(&row.sequence).unwrap();
            if sequence.table.is_empty() {
                sequence.admitted = 0;
            }
        }
    }

    fn fill(&mut self, number: u32, at: usize) {
        if !self.options.prefix_cache {
            return;
        }
        let sequence = &self.sequences[&number];
        let (end, block) = ((at + 1) * self.size, sequence.table[at]);
        let Some(other) = self.find(sequence, end) else {
            self.contents.insert(block, (sequence.salt, sequence.tokens[..end].to_vec()));
            return;
        };
        self.counters.duplicates += 1;
        self.free.retain(|&free| free != other);
        self.sequences.get_mut(&number).unwrap().table[at] = other;
        self.give_back(block);
    }

    fn give_back(&mut self, block: u32) -> bool {
        let free = self.holders(block) == 0;
        if free && self.contents.contains_key(&block) {
            self.free.push(block);
        } else if free {
            self.free.insert(0, block);
        }
        free
    }

    pub(super) fn release(&mut self, number: u32) -> usize {
        let sequence = self.sequences.get_mut(&number).unwrap();
        sequence.computed = 0;
        sequence.admitted = 0;
        let held = sequence.table.len();
        let blocks = (0..held).map(|_| {
            let block = self.sequences.get_mut(&number).unwrap().table.pop().unwrap();
            self.give_back(block)
        });
        blocks.filter(|&free| free).count()
    }

    pub(super) fn reset(&mut self) -> usize {
        let contents = self.contents.len();
        let free = self.free.clone();
        self.contents.retain(|block, _| !free.contains(block));
        contents - self.contents.len()
    }
}
