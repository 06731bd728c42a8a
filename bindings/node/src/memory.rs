//! What the operating system is told about memory.

use headrace_memory::Mappings;
use napi::bindgen_prelude::Float32ArraySlice;
use napi_derive::napi;

use crate::bytes::borrow;

/// Asks for large pages under a pool that is still to be written.
#[napi(catch_unwind)]
pub fn prefer_large_pages(mut pool: Float32ArraySlice<'_>) -> napi::Result<()> {
    headrace_memory::prefer_large_pages(borrow(&mut pool, &[])?);
    Ok(())
}

/// Has the system find memory for `count` floats of the pool from `start` on, or for those that there are.
#[napi(catch_unwind)]
pub fn populate(mut pool: Float32ArraySlice<'_>, start: i64, count: i64) -> napi::Result<bool> {
    let pool = borrow(&mut pool, &[])?;
    let inside = |place: i64| usize::try_from(place).unwrap_or(0).min(pool.len());
    let (start, end) = (inside(start), inside(start.saturating_add(count)));
    Ok(pool.get_mut(start..end).is_some_and(headrace_memory::populate))
}

/// The memory of the process at one moment; see `BindingMappings` in `ts/binding.ts`.
#[napi]
pub struct BindingMappings(Mappings);

#[napi]
impl BindingMappings {
    /// As it is now.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        BindingMappings(Mappings::now())
    }

    /// Puts large pages under what has been mapped since.
    #[napi(catch_unwind)]
    pub fn enlarge_pages_since(&self) -> f64 {
        self.0.enlarge_pages_since() as f64
    }
}
