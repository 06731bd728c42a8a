//! The sampler beside a naive model, and the examples that matter by themselves.

mod distribution;
mod elementary;
mod examples;
mod model;
mod pinned;
mod property;
mod random;
mod uniform;
