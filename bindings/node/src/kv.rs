//! The bookkeeping of a KV cache. Runs cross as typed arrays, one call to reserve and one to end them; what comes back is
//! copied into memory of JavaScript's own.

use headrace_core::Error;
use headrace_kv::{BlockManager, BlockName, Options, Reservation, Reserved, Salt};
use napi::{
    Env,
    bindgen_prelude::{Float64ArraySlice, Int32ArraySlice, Uint32ArraySlice},
};
use napi_derive::napi;

use crate::error::Raise;

/// A block manager; see `BindingBlockManager` in `ts/binding.ts`.
#[napi]
pub struct BindingBlockManager(BlockManager);

#[napi]
impl BindingBlockManager {
    /// A manager whose blocks are all free.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        blocks: u32,
        block_tokens: u32,
        sequences: u32,
        watermark: u32,
        prefix_cache: bool,
    ) -> napi::Result<Self> {
        let options = Options { blocks, block_tokens, sequences, watermark, prefix_cache };
        Ok(BindingBlockManager(BlockManager::new(options).raise()?))
    }

    /// Opens a sequence.
    #[napi(catch_unwind)]
    pub fn open(&mut self, tokens: &[u32], limit: u32, salt: &[u8]) -> napi::Result<u32> {
        self.0.open(tokens, limit, salt_of(salt)?).raise()
    }

    /// Opens a sequence that shares the blocks of another.
    #[napi(catch_unwind)]
    pub fn fork(&mut self, parent: u32, keep: u32, tail: &[u32]) -> napi::Result<u32> {
        self.0.fork(parent, keep, tail).raise()
    }

    /// Opens a sequence for blocks that come from elsewhere.
    #[napi(catch_unwind)]
    pub fn import_blocks(&mut self, tokens: &[u32], names: &[u8], limit: u32, salt: &[u8]) -> napi::Result<u32> {
        let (names, rest) = names.as_chunks::<{ size_of::<BlockName>() }>();
        if !rest.is_empty() {
            return Err(Error::internal("the names of blocks have 32 bytes each")).raise();
        }
        self.0.import(tokens, names, limit, salt_of(salt)?).raise()
    }

    /// What the prefix index has for sequences.
    #[napi(catch_unwind)]
    pub fn probe<'env>(&self, env: &'env Env, sequences: &[u32]) -> napi::Result<Uint32ArraySlice<'env>> {
        let probe = self.0.probe(sequences).raise()?;
        Uint32ArraySlice::copy_from(env, [probe.cached, probe.idle, probe.leaders].concat())
    }

    /// Reserves a run.
    #[napi(catch_unwind)]
    pub fn reserve<'env>(
        &mut self,
        env: &'env Env,
        sequences: &[u32],
        counts: &[u32],
    ) -> napi::Result<Int32ArraySlice<'env>> {
        match self.0.reserve(sequences, counts).raise()? {
            Reserved::Run(run) => Int32ArraySlice::copy_from(env, flatten(&run)),
            Reserved::Short(missing) => Int32ArraySlice::copy_from(env, [0, missing as i32]),
        }
    }

    /// Keeps the results of a run.
    #[napi(catch_unwind)]
    pub fn commit(&mut self, run: u32, kept: &[u32], appended: &[u32], tokens: &[u32]) -> napi::Result<()> {
        self.0.commit(run, kept, appended, tokens).raise()
    }

    /// Undoes a run.
    #[napi(catch_unwind)]
    pub fn roll_back(&mut self, run: u32, written: bool) -> napi::Result<()> {
        self.0.roll_back(run, written).raise()
    }

    /// Takes all blocks from sequences.
    #[napi(catch_unwind)]
    pub fn release(&mut self, sequences: &[u32]) -> napi::Result<u32> {
        self.0.release(sequences).raise()
    }

    /// Forgets sequences.
    #[napi(catch_unwind)]
    pub fn close(&mut self, sequences: &[u32]) -> napi::Result<u32> {
        self.0.close(sequences).raise()
    }

    /// The full, computed blocks of a sequence.
    #[napi(catch_unwind)]
    pub fn export_blocks<'env>(&self, env: &'env Env, sequence: u32) -> napi::Result<Uint32ArraySlice<'env>> {
        let exported = self.0.export(sequence).raise()?;
        let mut words = vec![exported.blocks.len() as u32];
        words.extend(&exported.blocks);
        words.extend(&exported.tokens);
        // In the machine's order of bytes, so that JavaScript reads them as the bytes that they are.
        words.extend(exported.names.as_flattened().as_chunks().0.iter().copied().map(u32::from_ne_bytes));
        Uint32ArraySlice::copy_from(env, words)
    }

    /// Drops the content of all free blocks.
    #[napi(catch_unwind)]
    pub fn reset(&mut self) -> napi::Result<u32> {
        self.0.reset().raise()
    }

    /// How many blocks are free.
    #[napi(catch_unwind)]
    pub fn free(&self) -> u32 {
        self.0.usage().free
    }

    /// How full the pool is, and sums since the start.
    #[napi(catch_unwind)]
    pub fn counters<'env>(&self, env: &'env Env) -> napi::Result<Float64ArraySlice<'env>> {
        let (usage, sums) = (self.0.usage(), self.0.counters());
        let gauges = [usage.blocks, usage.free, usage.cached, usage.used, usage.sequences].map(f64::from);
        let hits = [sums.queries, sums.hits, sums.misses(), sums.computed];
        let blocks = [sums.allocations, sums.evictions, sums.copies, sums.duplicates];
        let sums: Vec<f64> = hits.into_iter().chain(blocks).map(|sum| sum as f64).collect();
        Float64ArraySlice::copy_from(env, [&gauges[..], &sums].concat())
    }
}

/// A reservation in one array, after a head that says how long its parts are.
fn flatten(run: &Reservation) -> Vec<i32> {
    let head = [run.run, run.width, run.slots.len() as u32, run.copies.len() as u32];
    // Everything but the run's number is below 2^31, and JavaScript takes that one's bits as they are.
    let words = head.iter().chain(&run.starts).chain(&run.counts).map(|&word| word as i32);
    words.chain(run.tables.iter().chain(&run.slots).chain(&run.copies).copied()).collect()
}

fn salt_of(bytes: &[u8]) -> napi::Result<Salt> {
    Salt::try_from(bytes).map_err(|_| Error::internal(format!("a salt has 32 bytes, not {}", bytes.len()))).raise()
}
