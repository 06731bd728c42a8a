//! The bookkeeping of a paged KV cache: which block holds what, who holds it, and which block is used next.
//!
//! A language model keeps a key and a value of every token in every layer. Here they lie in *blocks* of a fixed number of
//! tokens in one pool, so that sequences grow without moving and share what they have in common. The bytes are the
//! caller's; this crate hands out numbers of blocks, and moves bytes in a pool that it is lent ([`Layout`]). It has no clock, no randomness, no thread and no I/O: equal calls have
//! equal results.
//!
//! - **Block 0 is the null block.** It is never given out, and pads tables.
//! - **A run is a transaction.** [`reserve`](BlockManager::reserve) takes what one run of the model needs, or says
//!   how much is missing; the caller runs; [`commit`](BlockManager::commit) keeps the results of each row, or of some, and
//!   [`roll_back`](BlockManager::roll_back) restores everything as it was. A block can be found by others only after its
//!   content was committed.
//! - **Equal prefixes share blocks.** A full block is named by a hash over its tokens and all before them ([`name_block`]),
//!   under a salt. The hash finds, and the tokens decide. Each content is kept once.
//! - **Free blocks remember.** They keep their content until they are taken: those without content first, then a
//!   finished sequence's last block before its first, and whoever was freed earlier before whoever was freed later.
//! - **Forks copy on write.** A block that several sequences hold is written by none of them; the last one alone with it
//!   writes in place.
//! - **Equal prefixes are computed once**, even if they arrive together: [`probe`](BlockManager::probe) names the
//!   sequence to wait for.
//!
//! Everything is bounded by [`Options`]. Memory is about 100 bytes and 4 bytes a token for each block, and 4 bytes a token and
//! 32 bytes a full block for each open sequence. Times are given with each method.
//!
//! ```
//! use headrace_kv::{BlockManager, Options, Reserved};
//!
//! let options = Options { blocks: 9, block_tokens: 4, sequences: 8, watermark: 0, prefix_cache: true };
//! let mut manager = BlockManager::new(options)?;
//! let prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9];
//!
//! // The prompt of nine tokens takes three blocks; its run yields a tenth token.
//! let first = manager.open(&prompt, 20, [0; 32])?;
//! let Reserved::Run(run) = manager.reserve(&[first], &[9])? else { panic!("eight blocks are free") };
//! assert_eq!((run.starts, run.width, run.tables), (vec![0], 3, vec![1, 2, 3]));
//! manager.commit(run.run, &[9], &[1], &[10])?;
//!
//! // The same prompt again finds two full blocks, and computes the one token that is in neither.
//! let second = manager.open(&prompt, 20, [0; 32])?;
//! assert_eq!(manager.probe(&[second])?.cached, [8]);
//! let Reserved::Run(run) = manager.reserve(&[second], &[9])? else { panic!("five blocks are free") };
//! assert_eq!((run.starts, run.counts, run.tables), (vec![8], vec![1], vec![1, 2, 4]));
//! assert_eq!(run.slots, [4 * 4]);
//!
//! // That run fails, and has not been.
//! manager.roll_back(run.run, false)?;
//! assert_eq!(manager.usage().used, 3);
//! manager.close(&[first, second])?;
//! assert_eq!((manager.usage().free, manager.usage().cached), (8, 2));
//! # Ok::<(), headrace_core::Error>(())
//! ```

mod bytes;
mod commit;
mod counters;
mod free_list;
mod index;
mod manager;
mod name;
mod options;
mod pool;
mod probe;
mod reserve;
mod run;
mod sequence;
mod sequences;
#[cfg(test)]
mod tests;
mod transfer;

pub use bytes::{Layout, Scattered};
pub use counters::{Counters, Usage};
pub use manager::BlockManager;
pub use name::{BlockName, Salt, name_block};
pub use options::{BLOCK_TOKENS_MAX, Options, POOL_TOKENS_MAX, RUN_ENTRIES_MAX, SEQUENCES_MAX};
pub use probe::Probe;
pub use run::{Reservation, Reserved};
pub use transfer::Exported;
