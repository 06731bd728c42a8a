//! A sink that counts rows and forgets them.

use headrace_core::{Batch, Result};
use headrace_operators::Counters;

use super::Sink;

/// Counts rows and forgets them.
#[derive(Default)]
pub struct Blackhole {
    rows: u64,
}

impl Sink for Blackhole {
    fn write(&mut self, batch: Batch) -> Result<()> {
        self.rows += batch.rows() as u64;
        Ok(())
    }

    fn counters(&self) -> Counters {
        vec![("rowsOut", self.rows)]
    }
}
