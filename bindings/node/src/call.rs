//! Calls to the host, and rows across the border.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use headrace_core::{Code, Error};
use headrace_formats::{arena_bytes, gather, read_arena, write_arena};
use headrace_runtime::{Call, CallKind, Failure, Host, Reply};
use napi::bindgen_prelude::{Float64Array, Uint8Array};
use napi_derive::napi;

use crate::error::Raise;

pub(crate) use crate::fields as schema;

/// A call of the engine to the host.
#[napi(object, object_from_js = false)]
pub struct BindingCall {
    /// Its number.
    pub id: f64,
    /// The host's number for the function, iterable or consumer.
    pub host: u32,
    /// The subtask that asks.
    pub subtask: u32,
    /// `map`, `sink` or `pull`.
    pub kind: &'static str,
    /// Rows of the batch.
    pub rows: u32,
    /// Bytes of its arena.
    pub bytes: f64,
}

/// The next call, if there is one.
pub(crate) fn take(host: &Host) -> Option<BindingCall> {
    let call = host.take()?;
    let kind = match call.kind {
        CallKind::Map => "map",
        CallKind::Sink => "sink",
        CallKind::Pull => "pull",
    };
    let (rows, bytes) = call.rows.as_ref().map_or((0, 0), |rows| (rows.num_rows(), arena_bytes(rows)));
    let Call { id, host, subtask, .. } = call;
    Some(BindingCall { id: id as f64, host, subtask, kind, rows: rows as u32, bytes: bytes as f64 })
}

/// Writes the rows of a call into an arena.
pub(crate) fn read(host: &Host, id: f64, mut arena: Uint8Array) -> napi::Result<Float64Array> {
    let rows = host.rows(id as u64).raise()?;
    if arena_bytes(&rows) > arena.len() {
        return Err(Error::internal("the arena is too small for the batch")).raise();
    }
    // SAFETY: JavaScript is in this call and cannot touch the arena meanwhile, and nothing else holds a view of it.
    let arena = unsafe { arena.as_mut() };
    Ok(Float64Array::new(write_arena(&rows, arena).raise()?))
}

/// Answers a call.
pub(crate) fn complete(
    host: &Host,
    id: f64,
    layout: Option<&[f64]>,
    buffers: Option<Vec<&[u8]>>,
    parents: Option<&[u32]>,
) -> napi::Result<()> {
    let id = id as u64;
    // The call is gone when the job has failed meanwhile; its answer then is nobody's.
    let rows = match (layout, buffers, host.schema(id)) {
        (Some(layout), Some(buffers), Some(schema)) => read_arena(&schema, layout, &gather(&buffers)).map(Some),
        _ => Ok(None),
    };
    let reply = rows.map(|rows| Reply { rows, parents: parents.map(<[u32]>::to_vec) });
    host.complete(id, reply.map_err(|error| Failure { error, row: None }));
    Ok(())
}

/// Fails a call.
pub(crate) fn fail(host: &Host, id: f64, error: &str) {
    host.complete(id as u64, Err(host_failure(error)));
}

// The host's error as it names it; a text that is no error of ours is one of the user's function.
fn host_failure(text: &str) -> Failure {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(serde_json::Value::as_str);
    let code = Code::ALL.iter().find(|code| Some(code.as_str()) == field("code"));
    let error = Error::new(code.copied().unwrap_or(Code::UserFunctionFailed), field("message").unwrap_or(text));
    let error = match field("hint") {
        Some(hint) => error.hint(hint),
        None => error,
    };
    let row = value.get("row").and_then(serde_json::Value::as_u64).and_then(|row| u32::try_from(row).ok());
    Failure { error, row }
}

/// Rows out of buffers of the host.
pub(crate) fn rows(schema: &SchemaRef, layout: &[f64], buffers: &[&[u8]]) -> napi::Result<RecordBatch> {
    read_arena(schema, layout, &gather(buffers)).raise()
}
