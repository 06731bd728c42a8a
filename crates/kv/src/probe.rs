//! What the prefix index has for a sequence, and who is about to compute what it lacks.

use headrace_core::Result;

use crate::{BlockManager, index::ROOT, sequence::Sequence};

/// What a run would find for each sequence asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// Tokens that need not be computed: those that are, and those whose blocks would be found.
    pub cached: Vec<u32>,
    /// How many of the blocks found are free now, and would not be any more.
    pub idle: Vec<u32>,
    /// The number of the sequence that is computing the very block that this one needs next, or will if it is admitted; else 0.
    /// Waiting for it makes that block one to be found.
    pub leaders: Vec<u32>,
}

impl BlockManager {
    /// Looks sequences up in the prefix index, and changes nothing. At most n − 1 of n tokens are found, because the
    /// last one must be computed for its logits.
    ///
    /// A leader is a sequence that holds blocks and came to them before the one that would wait, or one that
    /// precedes it in `sequences`, waiting too. So nobody waits in a circle, and of requests that arrive together
    /// with equal prefixes the first computes them for all.
    ///
    /// O(blocks found + s · (s + p)) for s sequences and p others that are computing prompts, of any number open.
    ///
    /// # Errors
    /// If a number is not that of an open sequence.
    pub fn probe(&self, sequences: &[u32]) -> Result<Probe> {
        let places = sequences.iter().map(|&number| self.sequences.place(number)).collect::<Result<Vec<_>>>()?;
        let mut probe = Probe::default();
        for &place in &places {
            let sequence = self.sequences.at(place);
            let (mut cached, mut idle) = (sequence.committed, 0);
            for block in self.found(sequence) {
                cached += self.options.block_tokens;
                idle += u32::from(self.pool.references(block) == 0);
            }
            probe.cached.push(cached);
            probe.idle.push(idle);
        }
        probe.leaders = self.leaders(&places, &probe.cached);
        Ok(probe)
    }

    /// The blocks that continue those of a sequence, in order.
    pub(crate) fn found<'a>(&'a self, sequence: &'a Sequence) -> impl Iterator<Item = u32> + 'a {
        let block_tokens = self.block_tokens();
        let held = sequence.table.len();
        let whole = sequence.committed as usize == held * block_tokens && self.options.prefix_cache;
        let end = if whole { (sequence.tokens.len() - 1) / block_tokens } else { held };
        let mut parent = match sequence.table.last() {
            None => Some(ROOT),
            Some(&block) => self.pool.index.identity(block),
        };
        (held..end).map_while(move |at| {
            let block = self.pool.index.find(&sequence.content(at, parent?, block_tokens))?;
            parent = self.pool.index.identity(block);
            Some(block)
        })
    }

    fn leaders(&self, places: &[usize], cached: &[u32]) -> Vec<u32> {
        if !self.options.prefix_cache {
            return vec![0; places.len()];
        }
        let block_tokens = self.block_tokens();
        let computing = |sequence: &Sequence| (sequence.committed as usize) / block_tokens < sequence.names.len();
        let mut computing: Vec<_> =
            self.sequences.iter().filter(|(_, sequence)| sequence.admitted != 0 && computing(sequence)).collect();
        computing.sort_unstable_by_key(|(_, sequence)| sequence.admitted);
        let leader = |asked: usize| {
            let sequence = self.sequences.at(places[asked]);
            let next = cached[asked] as usize / block_tokens;
            let end = (next + 1) * block_tokens;
            // In the middle of a block it must complete its own, whoever computes the same one.
            let whole = (sequence.committed as usize).is_multiple_of(block_tokens);
            let name = sequence.names.get(next).filter(|_| whole && end < sequence.tokens.len())?;
            let leads = |other: &Sequence, computed: u32| {
                // Names first: they nearly always settle it, and tokens are compared for the rest.
                other.names.get(next) == Some(name) && (computed as usize) < end && other.agrees(sequence, end)
            };
            let before = |other: &Sequence| sequence.admitted == 0 || other.admitted < sequence.admitted;
            let at_work = computing.iter().find(|(_, other)| before(other) && leads(other, other.committed));
            let waiting = || {
                let earlier = places[..asked].iter().zip(cached).map(|(&place, &cached)| (place, cached));
                let waits = |place: usize| self.sequences.at(place).admitted == 0 && place != places[asked];
                earlier
                    .filter(|&(place, _)| waits(place))
                    .find(|&(place, cached)| leads(self.sequences.at(place), cached))
            };
            let place = at_work.map(|&(place, _)| place).or_else(|| {
                let waiting = (sequence.admitted == 0).then(waiting).flatten();
                waiting.map(|(place, _)| place)
            })?;
            Some(self.sequences.number(place))
        };
        (0..places.len()).map(|asked| leader(asked).unwrap_or(0)).collect()
    }
}
