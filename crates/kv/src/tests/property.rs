//! Random operations, on the manager and on the model; after each, all that can be seen is the same.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::model::Model;
use crate::{BlockManager, BlockName, Counters, Options, sequence::Sequence};

/// Operations of a case. 100 cases are tried, or as many as `HEADRACE_RUNS` says.
const OPERATIONS: usize = 1000;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % limit as u64) as usize
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        (!items.is_empty()).then(|| items[self.below(items.len())])
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Tries the seed that `HEADRACE_SEED` names, or as many as `HEADRACE_RUNS` says, or `runs`; how many were tried. One that fails
/// is printed with the command that replays it, which names the test.
pub(super) fn for_seeds(runs: u64, test: &str, mut case: impl FnMut(u64)) -> u64 {
    let seed = number("HEADRACE_SEED");
    let runs = number("HEADRACE_RUNS").unwrap_or(if seed.is_some() { 1 } else { runs });
    for seed in (seed.unwrap_or(0)..).take(runs as usize) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(seed))) {
            println!("replay with: HEADRACE_SEED={seed} cargo test --release -p headrace-kv {test}");
            resume_unwind(panic);
        }
    }
    runs
}

#[test]
fn blocks_agree_with_the_model() {
    let mut seen = [0; 8];
    let runs = for_seeds(100, "blocks_agree", |seed| {
        seen.iter_mut().zip(Case::new(seed).run()).for_each(|(seen, also)| *seen += also);
    });
    // A test that never comes to these would say nothing about them.
    assert!(runs < 100 || seen.iter().all(|&times| times > 100), "{seen:?}");
}

/// A name that says next to nothing, so that unequal contents have equal names all the time.
fn weak_name(_: &BlockName, tokens: &[u32]) -> BlockName {
    [tokens[0] as u8 & 1; 32]
}

pub(super) struct Case {
    pub(super) random: Random,
    pub(super) manager: BlockManager,
    pub(super) model: Model,
    pub(super) vocabulary: usize,
    pub(super) closed: Vec<u32>,
    pub(super) ended: Vec<u32>,
    pub(super) short: u64,
    pub(super) led: u64,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let blocks = 2 + random.below(30) as u32;
        let options = Options {
            blocks,
            block_tokens: 1 + random.below(4) as u32,
            sequences: 1 + random.below(8) as u32,
            watermark: random.below((blocks as usize - 1).min(4)) as u32,
            prefix_cache: !random.one_in(8),
        };
        let mut manager = BlockManager::new(options).unwrap();
        if random.one_in(3) {
            manager.name = weak_name;
        }
        let vocabulary = 1 + random.below(3);
        Case {
            random,
            manager,
            model: Model::new(options),
            vocabulary,
            closed: Vec::new(),
            ended: Vec::new(),
            short: 0,
            led: 0,
        }
    }

    /// Tries all operations; how often what is interesting has happened.
    fn run(&mut self) -> [u64; 8] {
        for _ in 0..OPERATIONS {
            if self.model.run.is_some() {
                self.in_run();
            } else {
                self.between_runs();
            }
            self.compare();
        }
        // At the end of all requests everything is free again.
        if self.model.run.is_some() {
            self.end_run();
        }
        let all: Vec<u32> = self.model.sequences.keys().copied().collect();
        self.close(&all);
        self.compare();
        assert_eq!(self.manager.reset().unwrap() as usize, self.model.reset());
        let usage = self.manager.usage();
        assert_eq!((usage.free, usage.cached, usage.used, usage.sequences), (usage.blocks - 1, 0, 0, 0));
        let Counters { hits, computed, evictions, copies, duplicates, .. } = self.manager.counters();
        let misses = self.manager.counters().misses();
        [hits, misses, computed, evictions, copies, duplicates, self.short, self.led]
    }

    fn in_run(&mut self) {
        match self.random.below(12) {
            0 => self.open(),
            1 => self.probe(),
            2 => self.misuse_in_run(),
            _ => self.end_run(),
        }
    }

    fn between_runs(&mut self) {
        match self.random.below(40) {
            0..8 => self.open(),
            8..22 => self.reserve(),
            22..26 => self.probe(),
            26..30 => self.fork(),
            30..33 => {
                let some = self.some(2);
                self.close(&some);
            }
            33..36 => {
                let some = self.some(2);
                let freed = some.iter().map(|&number| self.model.release(number)).sum::<usize>();
                assert_eq!(self.manager.release(&some).unwrap() as usize, freed);
            }
            36 => self.import(),
            37 => assert_eq!(self.manager.reset().unwrap() as usize, self.model.reset()),
            _ => self.misuse(),
        }
    }

    fn compare(&self) {
        let (manager, model) = (&self.manager, &self.model);
        assert_eq!(manager.pool.free_order(), model.free, "the free list");
        let options = manager.options();
        (1..options.blocks).for_each(|block| {
            assert_eq!(manager.pool.references(block) as usize, model.holders(block), "the holders of block {block}");
        });
        assert_eq!(manager.pool.index.len(), model.contents.len(), "the contents");
        for (&block, (salt, tokens)) in &model.contents {
            let mut sequence = Sequence { salt: *salt, tokens: tokens.clone(), ..Sequence::default() };
            sequence.tokens.push(0);
            sequence.name_blocks(options.block_tokens as usize, manager.name);
            let found: Vec<u32> = manager.found(&sequence).collect();
            assert_eq!((found.len() * options.block_tokens as usize, found.last()), (tokens.len(), Some(&block)));
        }
        let open: Vec<u32> = manager.sequences.iter().map(|(place, _)| manager.sequences.number(place)).collect();
        assert_eq!(open.len(), model.sequences.len(), "the open sequences");
        for number in open {
            let (found, expected) =
                (manager.sequences.at(manager.sequences.place(number).unwrap()), &model.sequences[&number]);
            assert_eq!((&found.tokens, &found.table), (&expected.tokens, &expected.table), "sequence {number}");
            assert_eq!((found.committed as usize, found.limit as usize), (expected.computed, expected.limit));
            assert_eq!((found.admitted, found.salt), (expected.admitted, expected.salt));
        }
        assert_eq!(manager.counters(), model.sums());
        let usage = manager.usage();
        let cached = model.free.iter().filter(|block| model.contents.contains_key(block)).count();
        assert_eq!((usage.free as usize, usage.cached as usize), (model.free.len(), cached));
        assert_eq!(usage.free + usage.used + 1, usage.blocks);
    }
}
