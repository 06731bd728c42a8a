//! The random operations, each on the manager and on the model, with equal answers.

use headrace_core::Code;

use super::property::Case;
use crate::{Reserved, Salt};

impl Case {
    /// Up to `most` open sequences, each once.
    pub(super) fn some(&mut self, most: usize) -> Vec<u32> {
        let mut open: Vec<u32> = self.model.sequences.keys().copied().collect();
        let wanted = 1 + self.random.below(most);
        while open.len() > wanted {
            open.remove(self.random.below(open.len()));
        }
        if self.random.one_in(2) {
            open.reverse();
        }
        open
    }

    pub(super) fn tokens(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.random.below(self.vocabulary) as u32).collect()
    }

    pub(super) fn open(&mut self) {
        let options = self.manager.options();
        let most = (options.blocks as usize - 1) * options.block_tokens as usize;
        let mut tokens = Vec::new();
        if let Some(other) = self.some(1).first() {
            let other = &self.model.sequences[other].tokens;
            tokens.extend(&other[..self.random.below(other.len() + 1)]);
        }
        let more = self.random.below(2 + 3 * options.block_tokens as usize);
        tokens.extend(self.tokens(more));
        let limit = tokens.len() + self.random.below(20);
        let salt: Salt = [self.random.below(2) as u8; 32];
        let opened = self.manager.open(&tokens, limit as u32, salt);
        let full = self.model.sequences.len() == options.sequences as usize;
        match opened {
            Ok(number) => {
                assert!(!tokens.is_empty() && limit <= most && !full);
                self.model.open(number, &tokens, limit, salt);
            }
            Err(error) if error.code() == Code::KvCapacity => assert!(full || limit > most),
            Err(error) => assert!(tokens.is_empty() && error.code() == Code::Internal),
        }
    }

    pub(super) fn fork(&mut self) {
        let Some(&parent) = self.some(1).first() else { return };
        let (known, computed, limit) = {
            let parent = &self.model.sequences[&parent];
            (parent.tokens.len(), parent.computed, parent.limit)
        };
        let (least, beyond) = if self.random.one_in(4) { (0, 1) } else { (computed.max(1), 0) };
        let keep = least + self.random.below(known + beyond - least + 1);
        let more = self.random.below(3);
        let tail = self.tokens(more);
        let right = (computed.max(1)..=known).contains(&keep) && keep + tail.len() <= limit;
        match self.manager.fork(parent, keep as u32, &tail) {
            Ok(number) => {
                assert!(right);
                self.model.fork(number, parent, keep, &tail);
            }
            Err(error) if error.code() == Code::KvCapacity => assert!(right),
            Err(_) => assert!(!right),
        }
    }

    pub(super) fn close(&mut self, numbers: &[u32]) {
        let freed: usize = numbers.iter().map(|&number| self.model.release(number)).sum();
        numbers.iter().for_each(|number| _ = self.model.sequences.remove(number));
        assert_eq!(self.manager.close(numbers).unwrap() as usize, freed);
        self.closed.extend(numbers);
    }

    pub(super) fn reserve(&mut self) {
        let some = self.some(4);
        let mut wanted = Vec::new();
        for number in some {
            let sequence = &self.model.sequences[&number];
            let room = sequence.limit - sequence.computed;
            let all = sequence.tokens.len() - sequence.computed;
            if room > 0 {
                let count = if self.random.one_in(2) { all.max(1) } else { 1 + self.random.below(room) };
                wanted.push((number, count));
            }
        }
        if wanted.is_empty() {
            return;
        }
        let (numbers, counts): (Vec<u32>, Vec<u32>) = wanted.iter().map(|&(number, n)| (number, n as u32)).unzip();
        let reserved = self.manager.reserve(&numbers, &counts).unwrap();
        let run = match (reserved, self.model.reserve(&wanted)) {
            (Reserved::Run(run), Ok(())) => run,
            (Reserved::Short(missing), Err(expected)) => {
                self.short += 1;
                return assert_eq!(missing as usize, expected);
            }
            (reserved, expected) => panic!("{reserved:?} instead of {expected:?}"),
        };
        let rows = &self.model.run.as_ref().unwrap().rows;
        let size = self.manager.options().block_tokens as usize;
        let (mut slots, mut copies) = (Vec::new(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            assert_eq!((run.starts[at] as usize, run.counts[at] as usize), (row.start, row.count));
            let table = &self.model.sequences[&row.sequence].table;
            let mut padded: Vec<i32> = table.iter().map(|&block| block as i32).collect();
            padded.resize(run.width as usize, 0);
            assert_eq!(&run.tables[at * run.width as usize..][..run.width as usize], padded);
            let slot = |at: usize| (table[at / size] as usize * size + at % size) as i32;
            slots.extend((row.start..row.start + row.count).map(slot));
            copies.extend(row.copy.iter().flat_map(|&(from, to)| [from as i32, to as i32]));
        }
        assert_eq!((run.slots, run.copies), (slots, copies));
        assert_eq!(
            run.width as usize,
            rows.iter().map(|row| self.model.sequences[&row.sequence].table.len()).max().unwrap()
        );
    }

    pub(super) fn end_run(&mut self) {
        let run = self.manager.last_run;
        self.ended.push(run);
        if self.random.one_in(3) {
            let written = self.random.one_in(2);
            self.manager.roll_back(run, written).unwrap();
            return self.model.roll_back(written);
        }
        let rows = self.model.run.as_ref().unwrap().rows.clone();
        let mut results = Vec::new();
        for row in &rows {
            let sequence = &self.model.sequences[&row.sequence];
            let (known, limit) = (sequence.tokens.len(), sequence.limit);
            let kept = if self.random.one_in(4) { self.random.below(row.count + 1) } else { row.count };
            // What was computed beyond the known tokens must be known now; often one more is.
            let least = (row.start + kept).saturating_sub(known);
            let count = least + self.random.below((limit - known - least).min(2) + 1);
            results.push((kept, self.tokens(count)));
        }
        let kept: Vec<u32> = results.iter().map(|(kept, _)| *kept as u32).collect();
        let appended: Vec<u32> = results.iter().map(|(_, new)| new.len() as u32).collect();
        self.manager
            .commit(run, &kept, &appended, &results.iter().flat_map(|row| row.1.clone()).collect::<Vec<_>>())
            .unwrap();
        self.model.commit(&results);
    }

    pub(super) fn probe(&mut self) {
        let some = self.some(4);
        let probe = self.manager.probe(&some).unwrap();
        for (at, &number) in some.iter().enumerate() {
            let (cached, found) = self.model.cached(number);
            let idle = found.iter().filter(|&&block| self.model.holders(block) == 0).count();
            assert_eq!((probe.cached[at] as usize, probe.idle[at] as usize), (cached, idle));
            assert_eq!(probe.leaders[at], self.model.leader(&some, at));
            self.led += u64::from(probe.leaders[at] != 0);
        }
    }

    pub(super) fn import(&mut self) {
        let Some(&number) = self.some(1).first() else { return };
        let sequence = self.model.sequences[&number].clone();
        let exported = self.manager.export(number).unwrap();
        let size = self.manager.options().block_tokens as usize;
        let full = sequence.computed / size;
        assert_eq!(
            (&exported.blocks[..], &exported.tokens[..]),
            (&sequence.table[..full], &sequence.tokens[..full * size])
        );
        let mut names = exported.names.clone();
        if let Some(name) = names.last_mut().filter(|_| self.random.one_in(2)) {
            name[31] ^= 1;
            let error = self.manager.import(&exported.tokens, &names, exported.tokens.len() as u32, sequence.salt);
            return assert_eq!(error.unwrap_err().code(), Code::DataCorrupt);
        }
        if let Ok(number) = self.manager.import(&exported.tokens, &names, exported.tokens.len() as u32, sequence.salt) {
            self.model.open(number, &exported.tokens, exported.tokens.len(), sequence.salt);
        } else {
            assert!(full == 0 || self.model.sequences.len() == self.manager.options().sequences as usize);
        }
    }

    /// Calls that are wrong at any time between runs.
    pub(super) fn misuse(&mut self) {
        if let Some(closed) = self.random.pick(&self.closed) {
            assert!(self.manager.close(&[closed]).is_err());
            assert!(self.manager.reserve(&[closed], &[1]).is_err());
            assert!(self.manager.fork(closed, 1, &[]).is_err());
        }
        if let Some(ended) = self.random.pick(&self.ended) {
            assert!(self.manager.commit(ended, &[1], &[0], &[]).is_err());
            assert!(self.manager.roll_back(ended, false).is_err());
        }
        let some = self.some(3);
        if let Some(&first) = some.first() {
            let twice = [&some[..], &[first]].concat();
            assert!(self.manager.close(&twice).is_err() && self.manager.release(&twice).is_err());
            assert!(self.manager.reserve(&twice, &vec![1; twice.len()]).is_err());
            assert!(self.manager.reserve(&some, &vec![0; some.len()]).is_err());
            assert!(self.manager.reserve(&[first], &[u32::MAX]).is_err());
            assert!(self.manager.reserve(&[first], &[1, 1]).is_err());
        }
        assert!(self.manager.reserve(&[], &[]).is_err());
    }

    /// Calls that are wrong while a run is open.
    pub(super) fn misuse_in_run(&mut self) {
        let (run, rows) = (self.manager.last_run, self.model.run.as_ref().unwrap().rows.clone());
        let some = self.some(1);
        assert!(self.manager.reserve(&some, &[1]).is_err() && self.manager.close(&some).is_err());
        assert!(self.manager.release(&some).is_err() && self.manager.reset().is_err());
        assert!(self.manager.fork(some[0], 1, &[]).is_err() && self.manager.export(some[0]).is_err());
        let zeros = vec![0; rows.len()];
        let with = |first: u32| [&[first], &zeros[1..]].concat();
        assert!(
            self.manager.commit(run + 1, &zeros, &zeros, &[]).is_err()
                && self.manager.roll_back(run + 1, false).is_err()
        );
        assert!(self.manager.commit(run, &[], &[], &[]).is_err());
        assert!(self.manager.commit(run, &with(rows[0].count as u32 + 1), &zeros, &[]).is_err());
        assert!(self.manager.commit(run, &zeros, &with(1), &[]).is_err());
        let sequence = &self.model.sequences[&rows[0].sequence];
        let over = sequence.limit + 1 - sequence.tokens.len();
        assert!(self.manager.commit(run, &zeros, &with(over as u32), &vec![0; over]).is_err());
        if rows[0].start + rows[0].count > sequence.tokens.len() {
            assert!(self.manager.commit(run, &with(rows[0].count as u32), &zeros, &[]).is_err());
        }
    }
}
