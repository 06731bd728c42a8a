//! The arena: a batch as one flat buffer and a *layout* that says where its parts lie, so that the other side of
//! the language border can look at the columns in place. Towards the host the engine writes into an arena of the
//! host's; from the host it gathers the buffers, wherever they lie, into one of its own and uses them there. Each way
//! costs one copy.
//!
//! The layout is a pre-order walk over the columns. For each array it holds the length, the null count, the number
//! of buffers `n`, then `n` pairs of byte offset and byte length, then the children of the array the same way:
//!
//! | type | buffers | children |
//! |---|---|---|
//! | bool | validity, values (both bitmaps) | |
//! | numbers, dates, timestamps, durations | validity, values | |
//! | text, binary | validity, offsets (`i32`, length + 1), bytes | |
//! | dictionary | validity, places (`i32`) | the texts of the dictionary, without nulls |
//! | list | validity, offsets (`i32`, length + 1) | items |
//! | struct | validity | members |
//!
//! Buffers start at multiples of [`ALIGNMENT`], numbers are little-endian, and every array starts at its own bit
//! and offset 0: slices are normalised while they are copied, but for dictionaries, which go along whole. An array without nulls has 0 bytes of validity; an
//! empty buffer has offset 0. A batch without columns has an empty layout and loses its number of rows.

mod read;
mod write;

pub use read::{gather, read_arena};
pub use write::{arena_bytes, write_arena};

/// Every buffer starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 64;

#[cfg(test)]
mod tests;
