//! State that snapshots are taken of by reference.
//!
//! A [`Paged`] column keeps its values in pages. [`Paged::freeze`] hands out references to the pages in time
//! proportional to their number; the first write to a page after that copies it. A [`KeyTable`] gives every key a
//! small number, so that all other columns are indexed by plain integers.
//!
//! ```
//! use headrace_state::Paged;
//!
//! let mut column = Paged::new();
//! column.resize(3, || 0u64);
//! let before = column.freeze();
//! *column.get_mut(1) = 7;
//! assert_eq!((*before.get(1), *column.get(1)), (0, 7));
//! ```

mod keys;
mod paged;
mod slots;

pub use keys::{FrozenKeys, KeyTable};
pub use paged::{Frozen, PAGE_ROWS, Paged};
pub use slots::Slots;
