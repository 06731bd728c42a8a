//! Parquet, Arrow IPC and the flat [`arena`] that carries a batch across the language border.
//!
//! Everything read here is untrusted: a damaged file or a wrong layout is a typed error, never a panic.

pub mod arena;
pub mod carried;
mod failure;
pub mod ipc;
pub mod parquet_reader;
pub mod parquet_writer;
#[cfg(test)]
mod testing;

pub use arena::{arena_bytes, gather, read_arena, write_arena};
pub use parquet_reader::{ParquetReader, parquet_schema};
pub use parquet_writer::{ParquetFile, Written};
