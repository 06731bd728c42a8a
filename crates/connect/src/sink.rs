//! What a sink is.

mod blackhole;
mod parquet;

use headrace_core::{Batch, Result};
use headrace_operators::{BarrierKind, Counters};
use headrace_store::Committable;

pub use blackhole::Blackhole;
pub use parquet::{ParquetSink, SinkPlace};

/// The end of a pipeline.
pub trait Sink: Send {
    /// Takes rows.
    ///
    /// # Errors
    /// Ends the job with that error.
    fn write(&mut self, batch: Batch) -> Result<()>;

    /// Closes what was written since the last barrier, to be finished and committed elsewhere.
    ///
    /// # Errors
    /// Declines the checkpoint.
    fn prepare(&mut self, _kind: BarrierKind) -> Result<Option<Box<dyn Prepared>>> {
        Ok(None)
    }

    /// The sink's counts so far.
    fn counters(&self) -> Counters;
}

/// What a sink closed at a barrier.
pub trait Prepared: Send {
    /// The sink's uid.
    fn uid(&self) -> &str;

    /// Makes it durable, and says how to commit it.
    ///
    /// # Errors
    /// Declines the checkpoint.
    fn finish(self: Box<Self>) -> Result<Committable>;
}
