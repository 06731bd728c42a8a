//! A compiled expression, and its evaluation.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, cast::AsArray, new_empty_array};
use arrow_schema::{DataType as ArrowType, Schema};
use headrace_core::{Batch, Error, Result};
use headrace_plan::DataType;

use crate::conditional::truths;
use crate::node::{Node, Rows};

/// An expression whose names and types are resolved for one schema. Cloning is cheap.
#[derive(Clone)]
pub struct Compiled {
    node: Arc<Node>,
    data_type: DataType,
    arrow_type: ArrowType,
    nullable: bool,
    reads: Vec<(usize, ArrowType)>,
    names: Vec<String>,
}

impl Compiled {
    pub(crate) fn new(node: Node, data_type: DataType, nullable: bool, schema: &Schema) -> Self {
        let mut indices = BTreeSet::new();
        node.read(&mut indices);
        let read = || indices.iter().filter_map(|&index| Some((index, schema.fields().get(index)?)));
        Compiled {
            node: Arc::new(node),
            arrow_type: data_type.to_arrow(),
            data_type,
            nullable,
            reads: read().map(|(index, field)| (index, field.data_type().clone())).collect(),
            names: read().map(|(_, field)| field.name().clone()).collect(),
        }
    }

    /// The type of the result.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// Whether the result may hold nulls.
    pub fn nullable(&self) -> bool {
        self.nullable
    }

    /// The columns that the expression reads, in the order of the schema.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    /// The index of the column when the expression is nothing but a column.
    pub fn as_column(&self) -> Option<usize> {
        if let Node::Column(index) = *self.node { Some(index) } else { None }
    }

    /// Computes the expression for every row of a batch of the schema it was compiled for, in time linear in the rows.
    /// A plain column is returned as it is, without a copy.
    ///
    /// # Errors
    /// `HR_OVERFLOW`, `HR_DIVISION_BY_ZERO`, `HR_CAST_FAILED` and `HR_OPTION_INVALID` for values that an operation does
    /// not take; always the error of the first such row. `HR_INTERNAL` for a batch of another schema.
    pub fn evaluate(&self, batch: &RecordBatch) -> Result<ArrayRef> {
        self.run(batch).map_err(|failure| failure.error)
    }

    /// As [`Compiled::evaluate`]; an error names the row by the batch's origin.
    ///
    /// # Errors
    /// As [`Compiled::evaluate`].
    pub fn evaluate_batch(&self, batch: &Batch) -> Result<ArrayRef> {
        self.run(&batch.data).map_err(|Failure { error, row }| match row {
            Some(row) => error.at_row(batch.origin.partition, batch.origin.first_row.saturating_add(row as u64)),
            None => error,
        })
    }

    fn run(&self, batch: &RecordBatch) -> std::result::Result<ArrayRef, Failure> {
        for (index, data_type) in &self.reads {
            let given = batch.columns().get(*index).map(|column| column.data_type());
            if given != Some(data_type) {
                let message = format!("column {index} should be {data_type} but is {given:?}");
                return Err(Failure { error: Error::internal(message), row: None });
            }
        }
        let rows = Rows { columns: batch.columns(), len: batch.num_rows(), careful: false };
        if rows.len == 0 {
            return Ok(new_empty_array(&self.arrow_type));
        }
        let careful = Rows { careful: true, ..rows };
        self.array(&rows).or_else(|_| self.array(&careful)).map_err(|error| self.first_failure(&careful, error))
    }

    fn array(&self, rows: &Rows<'_>) -> Result<ArrayRef> {
        self.node.evaluate(rows)?.into_array(rows.len)
    }

    // Finds the first row that fails by bisection: the rows before `good` succeed, those up to `bad` hold a failure.
    fn first_failure(&self, rows: &Rows<'_>, error: Error) -> Failure {
        let (mut good, mut bad) = (0, rows.len);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match self.array_of_slice(rows, good, middle - good) {
                Ok(_) => good = middle,
                Err(_) => bad = middle,
            }
        }
        let error = self.array_of_slice(rows, good, 1).err().unwrap_or(error);
        Failure { error, row: Some(good) }
    }

    fn array_of_slice(&self, rows: &Rows<'_>, offset: usize, len: usize) -> Result<ArrayRef> {
        let mut columns = rows.columns.to_vec();
        for (index, _) in &self.reads {
            columns[*index] = columns[*index].slice(offset, len);
        }
        self.array(&Rows { columns: &columns, len, careful: true })
    }
}

struct Failure {
    error: Error,
    row: Option<usize>,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("data_type", &self.data_type)
            .field("nullable", &self.nullable)
            .field("columns", &self.names)
            .finish_non_exhaustive()
    }
}

/// The rows of a batch for which a boolean expression is true; null counts as false, so the mask has no nulls.
///
/// # Errors
/// As [`Compiled::evaluate`].
pub fn predicate(condition: &Compiled, batch: &RecordBatch) -> Result<BooleanArray> {
    mask(&condition.evaluate(batch)?)
}

/// As [`predicate`]; an error names the row by the batch's origin.
///
/// # Errors
/// As [`Compiled::evaluate`].
pub fn predicate_batch(condition: &Compiled, batch: &Batch) -> Result<BooleanArray> {
    mask(&condition.evaluate_batch(batch)?)
}

fn mask(values: &ArrayRef) -> Result<BooleanArray> {
    match values.as_boolean_opt() {
        Some(values) => Ok(truths(values)),
        None => Err(Error::internal(format!("a condition yields {} instead of booleans", values.data_type()))),
    }
}
