//! `filter`: keeps the rows for which a predicate is true.

use headrace_core::{Batch, Result};
use headrace_expr::{Compiled, predicate_batch};

use crate::{Counters, Message, Operator, Output};

/// Keeps the rows for which the predicate is true; false and null are counted as filtered.
pub struct Filter {
    predicate: Compiled,
    filtered: u64,
}

impl Filter {
    /// A filter by a boolean expression.
    pub fn new(predicate: Compiled) -> Self {
        Filter { predicate, filtered: 0 }
    }
}

impl Operator for Filter {
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()> {
        let mask = predicate_batch(&self.predicate, &batch)?;
        let kept = batch.filter(&mask)?;
        self.filtered += (batch.rows() - kept.rows()) as u64;
        out.send(Message::Batch(kept));
        Ok(())
    }

    fn counters(&self) -> Counters {
        vec![("filtered", self.filtered)]
    }
}
