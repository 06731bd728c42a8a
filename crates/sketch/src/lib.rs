//! HyperLogLog, Count-Min with top-K and t-digest as deterministic, mergeable accumulators.
//!
//! A sketch answers a question about many values in little, fixed space, with a stated error:
//!
//! | question | sketch | exact up to | error beyond |
//! |---|---|---|---|
//! | how many distinct values? | [`Distinct`] | 64 distinct values | 1.63 % standard error |
//! | which value is at quantile q? | [`TDigest`] | 128 values | [`TDigest::rank_error`] of the ranks |
//! | which values are most frequent? | [`TopK`] | 64 distinct values | 0.133 % of all counts |
//!
//! They are made to be the state of window aggregates, where there are millions of nearly empty ones
//! and a few large ones:
//!
//! - **Small first.** A sketch starts as a short exact list (32 bytes or less, and nothing on the heap
//!   while empty) and is promoted when the list is full, by its length alone.
//! - **Mergeable.** A window is the merge of its panes. Merging costs O(values held) and loses nothing
//!   that the error bound does not cover.
//! - **Deterministic.** State and answers are functions of the sequence of updates and merges alone: no
//!   randomness, and no reading, encoding or decoding that changes anything. `decode(encode(x))`
//!   behaves like `x`, bit for bit, ever after.
//! - **Never failing, except for bytes.** Only decoding and exporting return errors
//!   ([`SketchError`]); decoding untrusted bytes neither panics nor allocates more than they justify.
//!
//! ```
//! use headrace_sketch::{Distinct, SketchError, TDigest, TopK};
//!
//! // Two panes of ten minutes …
//! let mut panes = [(); 2].map(|()| (TDigest::new(), Distinct::new(), TopK::new(3)));
//! for (pane, delay, destination) in [(0, 4.0, "ATL"), (0, 11.0, "ORD"), (1, 95.0, "ATL")] {
//!     let (delays, destinations, busiest) = &mut panes[pane];
//!     delays.update(delay);
//!     destinations.update_bytes(destination.as_bytes());
//!     busiest.update(destination.as_bytes(), 1);
//! }
//!
//! // … become a window of twenty,
//! let [(mut delays, mut destinations, mut busiest), second] = panes;
//! delays.merge(&second.0);
//! destinations.merge(&second.1);
//! busiest.merge(&second.2);
//! assert_eq!(delays.quantile(0.5), Some(11.0));
//! assert_eq!(destinations.estimate(), 2);
//! assert_eq!(busiest.top(1), vec![(b"ATL".as_slice().into(), 2)]);
//!
//! // which a checkpoint stores and restores.
//! let mut bytes = Vec::new();
//! delays.encode(&mut bytes);
//! assert_eq!(TDigest::decode(&bytes)?, delays);
//! # Ok::<(), SketchError>(())
//! ```

mod codec;
mod distinct;
mod error;
mod murmur3;
mod small_bytes;
mod small_list;
mod tdigest;
#[cfg(test)]
mod test_support;
mod top_k;

pub use distinct::{Distinct, ValueHash};
pub use error::SketchError;
pub use tdigest::TDigest;
pub use top_k::TopK;
