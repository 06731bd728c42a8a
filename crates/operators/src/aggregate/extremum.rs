//! `min` and `max`.

use std::cmp::Ordering;

use arrow_array::ArrayRef;
use headrace_core::{Result, time::Micros};

use super::{
    Aggregate, Finish, unfit,
    value::{self, Value, ValueRef, Values, build, compare},
};

/// The smallest (`keep` is `Less`) or largest (`Greater`) value; of equal ones the first.
#[derive(Clone, Copy)]
pub(super) struct Extremum {
    pub(super) keep: Ordering,
}

impl Extremum {
    fn offer(self, state: &mut Option<Value>, value: ValueRef<'_>) {
        if state.as_ref().is_none_or(|best| compare(value, best.as_ref()) == self.keep) {
            *state = Some(value.to_owned());
        }
    }
}

impl Aggregate for Extremum {
    type State = Option<Value>;
    type Input<'a> = Values<'a>;

    fn init(&self) -> Option<Value> {
        None
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut Option<Value>, input: &Values<'_>, row: usize, _: Micros) {
        if let Some(value) = input.get(row) {
            self.offer(state, value);
        }
    }

    fn merge(&self, into: &mut Option<Value>, from: &Option<Value>) {
        if let Some(value) = from {
            self.offer(into, value.as_ref());
        }
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a Option<Value>>) -> Result<ArrayRef> {
        match finish {
            Finish::Value(data) => build(data, states.map(|state| state.as_ref().map(Value::as_ref))),
            other => Err(unfit(other)),
        }
    }

    fn encode(&self, state: &Option<Value>, out: &mut Vec<u8>) {
        if let Some(value) = state {
            value::encode(value, out);
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Option<Value>> {
        if bytes.is_empty() { Ok(None) } else { value::decode(bytes).map(Some) }
    }
}
