//! The N-API binding: thin `Binding*` types, no logic. What each does is said in `ts/binding.ts`; rows cross as an
//! arena and its layout (`formats::arena`), everything else that has structure as JSON.

#![cfg_attr(test, allow(dead_code, reason = "a test build registers no functions with JavaScript"))]

mod bytes;
mod call;
mod driver;
mod error;
mod job;
mod kv;
mod memory;
mod sample;
mod store;

use std::path::Path;

use headrace_core::{Code, Error};
use headrace_formats::{ipc, parquet_schema};
use headrace_plan::{Field, JobOptions, Plan, data_type::from_schema, data_type::to_schema};
use headrace_runtime::CompiledPlan;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use error::Raise;

/// The library's version.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The columns of a Parquet file.
#[napi(js_name = "parquetSchema", catch_unwind)]
pub fn parquet_schema_of(path: String) -> napi::Result<String> {
    let schema = parquet_schema(Path::new(&path)).raise()?;
    json(&from_schema(&schema).raise()?)
}

/// Checks and compiles a plan.
#[napi(catch_unwind)]
pub fn compile(plan: String, options: String) -> napi::Result<String> {
    json(&parse(&plan, &options)?.to_json().raise()?)
}

/// A batch as an Arrow IPC stream.
#[napi(catch_unwind)]
pub fn encode_ipc(schema: String, layout: &[f64], buffers: Vec<&[u8]>) -> napi::Result<Uint8Array> {
    let rows = call::rows(&call::schema(&schema)?, layout, &buffers)?;
    Ok(Uint8Array::new(ipc::encode(&rows).raise()?))
}

fn parse(plan: &str, options: &str) -> napi::Result<CompiledPlan> {
    let unreadable =
        |error: serde_json::Error| Error::new(Code::PlanInvalid, format!("the plan cannot be read: {error}"));
    let plan: Plan = serde_json::from_str(plan).map_err(unreadable).raise()?;
    let options: JobOptions = serde_json::from_str(options).map_err(unreadable).raise()?;
    headrace_runtime::compile(plan, options).raise()
}

fn json(value: &impl serde::Serialize) -> napi::Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string())).raise()
}

fn fields(schema: &str) -> napi::Result<arrow_schema::SchemaRef> {
    let fields: Vec<Field> =
        serde_json::from_str(schema).map_err(|error| Error::internal(error.to_string())).raise()?;
    Ok(std::sync::Arc::new(to_schema(&fields)))
}
