//! The block manager and the moving of bytes beside naive models, and the examples that matter by themselves.

mod bytes;
mod examples;
mod model;
mod operations;
mod property;
mod sharing;
