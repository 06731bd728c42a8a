//! `quantile`: t-digest.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use headrace_core::{Result, time::Micros};
use headrace_sketch::TDigest;

use super::{
    Aggregate, Finish, unfit, unreadable,
    value::{ValueRef, Values},
};

/// One digest serves every quantile of the same argument. NaN takes no part.
#[derive(Clone, Copy)]
pub(super) struct Quantile;

impl Aggregate for Quantile {
    type State = TDigest;
    type Input<'a> = Values<'a>;

    fn init(&self) -> TDigest {
        TDigest::new()
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut TDigest, input: &Values<'_>, row: usize, _: Micros) {
        match input.get(row) {
            Some(ValueRef::Int(value)) => state.update(value as f64),
            Some(ValueRef::Float(value)) if !value.is_nan() => state.update(value),
            _ => {}
        }
    }

    fn merge(&self, into: &mut TDigest, from: &TDigest) {
        into.merge(from);
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a TDigest>) -> Result<ArrayRef> {
        match finish {
            Finish::Quantile(q) => Ok(Arc::new(states.map(|state| state.quantile(*q)).collect::<Float64Array>())),
            other => Err(unfit(other)),
        }
    }

    fn encode(&self, state: &TDigest, out: &mut Vec<u8>) {
        state.encode(out);
    }

    fn decode(&self, bytes: &[u8]) -> Result<TDigest> {
        TDigest::decode(bytes).map_err(|error| unreadable(&error))
    }
}
