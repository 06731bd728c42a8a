//! The words every crate of headrace uses: a [`Batch`] of rows with its hidden columns, [`RowKind`]s, event
//! [`time`], canonical [`key`] encoding with its key groups, and the one [`Error`] type with its table of codes.
//!
//! The crate is pure: no clock, no randomness, no threads, no I/O.

pub mod batch;
pub mod error;
pub mod key;
pub mod row_kind;
pub mod suggest;
pub mod time;

pub use batch::{Batch, Origin, row_bytes};
pub use error::{Code, Error, Place, Result};
pub use row_kind::RowKind;
