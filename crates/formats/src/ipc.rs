//! Batches as Arrow IPC streams, for programs that read Arrow but not our arena.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_select::concat::concat_batches;
use headrace_core::{Code, Error, Result};

use crate::failure::decoding;

/// The batch as a complete IPC stream: schema, one record batch, end.
///
/// # Errors
/// `HR_TYPE_MISMATCH` for a column that Arrow IPC cannot hold.
pub fn encode(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    stream.write(batch)?;
    stream.finish()?;
    Ok(stream.into_inner()?)
}

/// The rows of an IPC stream as one batch.
///
/// # Errors
/// `HR_DATA_CORRUPT` when the bytes are not a complete, valid stream.
pub fn decode(stream: Vec<u8>) -> Result<RecordBatch> {
    decoding(corrupt, || decode_stream(Buffer::from_vec(stream)))
}

fn decode_stream(mut stream: Buffer) -> Result<RecordBatch> {
    let refused = |error: arrow_schema::ArrowError| corrupt(&error.to_string());
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut stream).map_err(refused)? {
        batches.push(batch);
    }
    decoder.finish().map_err(refused)?;
    let schema = decoder.schema().ok_or_else(|| corrupt("it has no schema"))?;
    concat_batches(&Arc::clone(&schema), &batches).map_err(refused)
}

fn corrupt(reason: &str) -> Error {
    Error::new(Code::DataCorrupt, format!("the bytes are not an Arrow IPC stream: {reason}"))
}

#[cfg(test)]
mod tests;
