//! `approxDistinct`: HyperLogLog.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use headrace_core::{Result, time::Micros};
use headrace_sketch::Distinct;

use super::{
    Aggregate, Finish, unreadable,
    value::{ValueRef, Values},
};

#[derive(Clone, Copy)]
pub(super) struct ApproxDistinct;

impl Aggregate for ApproxDistinct {
    type State = Distinct;
    type Input<'a> = Values<'a>;

    fn init(&self) -> Distinct {
        Distinct::new()
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut Distinct, input: &Values<'_>, row: usize, _: Micros) {
        match input.get(row) {
            Some(ValueRef::Int(value)) => state.update_i64(value),
            Some(ValueRef::Float(value)) => state.update_f64(value),
            Some(ValueRef::Bytes(value)) => state.update_bytes(value),
            None => {}
        }
    }

    fn merge(&self, into: &mut Distinct, from: &Distinct) {
        into.merge(from);
    }

    fn finish<'a>(&self, _: &Finish, states: impl Iterator<Item = &'a Distinct>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(states.map(|state| state.estimate() as i64))))
    }

    fn encode(&self, state: &Distinct, out: &mut Vec<u8>) {
        state.encode(out);
    }

    fn decode(&self, bytes: &[u8]) -> Result<Distinct> {
        Distinct::decode(bytes).map_err(|error| unreadable(&error))
    }
}
