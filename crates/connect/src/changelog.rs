//! The changelog form of a stream: its rows with their kinds as a first column `op`.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use headrace_core::{Batch, Result, RowKind};

/// The first column of a changelog: `+I`, `-U`, `+U` or `-D`.
pub const OP_COLUMN: &str = "op";

/// The columns of the changelog of a stream.
pub fn changelog_schema(schema: &SchemaRef) -> SchemaRef {
    let op = Arc::new(Field::new(OP_COLUMN, DataType::Utf8, false));
    Arc::new(Schema::new(std::iter::once(op).chain(schema.fields().iter().cloned()).collect::<Vec<_>>()))
}

/// The rows with their kinds; `schema` is that of the changelog.
///
/// # Errors
/// When the rows do not fit the schema.
pub fn with_kinds(batch: &Batch, schema: &SchemaRef) -> Result<RecordBatch> {
    let name = |byte: u8| RowKind::from_byte(byte).unwrap_or(RowKind::Insert).as_str();
    let ops: StringArray = match &batch.kinds {
        Some(kinds) => kinds.iter().map(|&byte| Some(name(byte))).collect(),
        None => (0..batch.rows()).map(|_| Some(RowKind::Insert.as_str())).collect(),
    };
    let columns = std::iter::once(Arc::new(ops) as ArrayRef).chain(batch.data.columns().iter().cloned()).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
