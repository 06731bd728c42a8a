//! `select`: computes the columns anew.

use arrow_schema::SchemaRef;
use headrace_core::{Batch, Result};
use headrace_expr::Compiled;

use crate::{Message, Operator, Output};

/// Computes every column of its output from the columns of its input.
pub struct Select {
    columns: Vec<Compiled>,
    schema: SchemaRef,
}

impl Select {
    /// The columns in the order of `schema`.
    pub fn new(columns: Vec<Compiled>, schema: SchemaRef) -> Self {
        Select { columns, schema }
    }
}

impl Operator for Select {
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()> {
        let columns = self.columns.iter().map(|column| column.evaluate_batch(&batch)).collect::<Result<_>>()?;
        out.send(Message::Batch(batch.with_columns(self.schema.clone(), columns)?));
        Ok(())
    }
}
