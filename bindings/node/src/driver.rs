//! A pipeline under test, on the caller's thread.

use headrace_runtime::Driver;
use napi::bindgen_prelude::{BigInt, Float64ArraySlice, Uint8ArraySlice};
use napi_derive::napi;

use crate::{
    call::{self, BindingCall},
    error::Raise,
};

/// A driver; see `BindingDriver` in `ts/binding.ts`.
#[napi]
pub struct BindingDriver(Driver);

#[napi]
impl BindingDriver {
    /// A driver of a plan.
    #[napi(constructor, catch_unwind)]
    pub fn new(plan: String, options: String) -> napi::Result<Self> {
        Ok(BindingDriver(Driver::new(crate::parse(&plan, &options)?).raise()?))
    }

    /// Pushes rows into a source.
    #[napi(catch_unwind)]
    pub fn push(&self, node: u32, layout: &[f64], buffers: Vec<&[u8]>) -> napi::Result<()> {
        let schema = self.0.source_schema(node as usize).raise()?;
        self.0.push(node as usize, call::rows(&schema, layout, &buffers)?).raise()
    }

    /// Moves the watermark of a source.
    #[napi(catch_unwind)]
    pub fn advance_watermark(&self, node: u32, time: BigInt) -> napi::Result<()> {
        self.0.advance_watermark(node as usize, time.get_i64().0).raise()
    }

    /// Ends a source.
    #[napi(catch_unwind)]
    pub fn finish(&self, node: u32) -> napi::Result<()> {
        self.0.finish(node as usize).raise()
    }

    /// Sets the clock, by which partitions become idle; µs.
    #[napi(catch_unwind)]
    pub fn set_clock(&mut self, now: BigInt) {
        self.0.set_clock(now.get_i64().0);
    }

    /// Steps until nothing moves.
    #[napi(catch_unwind)]
    pub fn run(&mut self) -> napi::Result<()> {
        self.0.run().raise()
    }

    /// The next call to the host.
    #[napi(catch_unwind)]
    pub fn take_call(&self) -> Option<BindingCall> {
        call::take(self.0.host())
    }

    /// The rows of a call.
    #[napi(catch_unwind)]
    pub fn read_call(&self, id: f64, arena: Uint8ArraySlice<'_>, layout: Float64ArraySlice<'_>) -> napi::Result<()> {
        call::read(self.0.host(), id, arena, layout)
    }

    /// Answers a call.
    #[napi(catch_unwind)]
    pub fn complete_call(
        &self,
        id: f64,
        layout: Option<&[f64]>,
        buffers: Option<Vec<&[u8]>>,
        parents: Option<&[u32]>,
    ) -> napi::Result<()> {
        call::complete(self.0.host(), id, layout, buffers, parents)
    }

    /// Fails a call.
    #[napi(catch_unwind)]
    pub fn fail_call(&self, id: f64, error: String) {
        call::fail(self.0.host(), id, &error);
    }

    /// Takes a checkpoint and restores from it.
    #[napi(catch_unwind)]
    pub fn crash_and_restore(&mut self, parallelism: Option<u32>) -> napi::Result<()> {
        self.0.crash_and_restore(parallelism).raise()
    }

    /// Counters.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> String {
        self.0.metrics().to_string()
    }
}
