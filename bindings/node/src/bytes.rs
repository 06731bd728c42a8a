//! Moving the numbers of a KV cache, in memory of JavaScript's that is borrowed for the call.

use std::ops::Range;

use headrace_core::Error;
use headrace_kv::{Layout, Scattered};
use napi::bindgen_prelude::Float32ArraySlice;
use napi_derive::napi;

use crate::error::Raise;

/// Writes what a run computed into the pool.
#[napi(catch_unwind)]
pub fn scatter_kv(
    mut pool: Float32ArraySlice<'_>,
    new_kv: &[f32],
    sizes: &[u32],
    counts: &[u32],
    kept: &[u32],
    slots: &[i32],
) -> napi::Result<()> {
    let &[parts, block_tokens, dim, width] = sizes else {
        return Err(Error::internal(format!("four sizes describe a run, not {}", sizes.len()))).raise();
    };
    let others = [bytes(new_kv), bytes(counts), bytes(kept), bytes(slots)];
    let pool = borrow(&mut pool, &others)?;
    let layout = Layout { parts: parts as usize, block_tokens: block_tokens as usize, dim: dim as usize };
    layout.scatter(pool, new_kv, &Scattered { width: width as usize, counts, kept, slots }).raise()
}

/// Copies blocks of the pool.
#[napi(catch_unwind)]
pub fn copy_blocks(mut pool: Float32ArraySlice<'_>, block_floats: u32, copies: &[i32]) -> napi::Result<()> {
    let pool = borrow(&mut pool, &[bytes(copies)])?;
    Layout { parts: 1, block_tokens: 1, dim: block_floats as usize }.copy_blocks(pool, copies).raise()
}

/// Where a slice lies.
fn bytes<T>(slice: &[T]) -> Range<usize> {
    let Range { start, end } = slice.as_ptr_range();
    start as usize..end as usize
}

/// The pool's memory, if none of `others` is a part of it.
pub(crate) fn borrow<'pool>(
    pool: &'pool mut Float32ArraySlice<'_>,
    others: &[Range<usize>],
) -> napi::Result<&'pool mut [f32]> {
    let own = bytes(pool);
    if others.iter().any(|other| other.start.max(own.start) < other.end.min(own.end)) {
        return Err(Error::internal("an argument lies in the pool that is written")).raise();
    }
    // SAFETY: JavaScript is in this call and cannot touch the array meanwhile, and no other view lies in it.
    Ok(unsafe { pool.as_mut() })
}
