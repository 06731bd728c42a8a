//! The block manager beside a naive model, and the examples that matter by themselves.

mod examples;
mod model;
mod operations;
mod property;
mod sharing;
