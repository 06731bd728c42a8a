//! What a source is.

mod generator;
mod parquet;
mod push;
mod sorted;
mod table;
mod throttle;

use headrace_core::{Batch, Code, Error, Result, time::Micros};
use serde::{Deserialize, Serialize};

pub use generator::Generator;
pub use parquet::ParquetSource;
pub use push::PushSource;
pub use sorted::{SortedSource, Stage};
pub use table::TableSource;
pub use throttle::Throttle;

/// What a source answers when it is polled.
#[derive(Debug)]
pub enum Polled {
    /// Rows of one partition.
    Batch(Batch),
    /// A watermark; only the test driver's source has one.
    Watermark(Micros),
    /// Work was done but there are no rows yet; poll again.
    Again,
    /// There is nothing before this time; µs of the injected clock. `None`: until somebody adds something.
    Wait(Option<Micros>),
    /// A partition has ended.
    PartitionEnd(u32),
    /// All partitions have ended.
    End,
}

/// Where the reading of one partition stands: the number of its next row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The partition, numbered over the whole job.
    pub partition: u32,
    /// The next row.
    pub row: u64,
    /// What the rows are a function of: file lengths and footers, expressions, seeds.
    pub fingerprint: String,
}

/// Rows in partitions, each in an order that never changes.
pub trait Source: Send {
    /// The next rows, or why there are none; `now` is the injected clock's µs.
    ///
    /// # Errors
    /// Ends the job with that error.
    fn poll(&mut self, now: Micros) -> Result<Polled>;

    /// Where each partition stands.
    fn positions(&self) -> Vec<Position>;

    /// Goes to a position before the first poll.
    ///
    /// # Errors
    /// `HR_SOURCE_CHANGED` when the rows are not those that the position was taken over.
    fn seek(&mut self, position: &Position) -> Result<()>;
}

/// Refuses a position that was taken over other rows.
fn check_fingerprint(position: &Position, fingerprint: &str, what: &str) -> Result<()> {
    if position.fingerprint == fingerprint {
        return Ok(());
    }
    Err(Error::new(Code::SourceChanged, format!("{what} changed since the checkpoint was taken"))
        .hint("Restore the old data, or start over with a fresh checkpoint folder (--fresh)."))
}
