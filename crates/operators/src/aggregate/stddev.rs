//! `stddev`: sample standard deviation by Welford's update and the pairwise merge of Chan, Golub and LeVeque (1979).

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array};
use headrace_core::{Result, time::Micros};

use super::{
    Aggregate, Finish, take,
    value::{ValueRef, Values},
};

#[derive(Clone, Copy)]
pub(super) struct Stddev;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    count: f64,
    mean: f64,
    // The sum of squared distances from the mean.
    spread: f64,
}

impl Aggregate for Stddev {
    type State = Moments;
    type Input<'a> = Values<'a>;

    fn init(&self) -> Moments {
        Moments::default()
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut Moments, input: &Values<'_>, row: usize, _: Micros) {
        let value = match input.get(row) {
            Some(ValueRef::Int(value)) => value as f64,
            Some(ValueRef::Float(value)) => value,
            _ => return,
        };
        state.count += 1.0;
        let distance = value - state.mean;
        state.mean += distance / state.count;
        state.spread += distance * (value - state.mean);
    }

    fn merge(&self, into: &mut Moments, from: &Moments) {
        if from.count == 0.0 {
            return;
        }
        let count = into.count + from.count;
        let distance = from.mean - into.mean;
        into.mean += distance * from.count / count;
        into.spread += from.spread + distance * distance * into.count * from.count / count;
        into.count = count;
    }

    fn finish<'a>(&self, _: &Finish, states: impl Iterator<Item = &'a Moments>) -> Result<ArrayRef> {
        let deviation = |state: &Moments| (state.count > 1.0).then(|| (state.spread / (state.count - 1.0)).sqrt());
        Ok(Arc::new(states.map(deviation).collect::<Float64Array>()))
    }

    fn encode(&self, state: &Moments, out: &mut Vec<u8>) {
        for part in [state.count, state.mean, state.spread] {
            out.extend_from_slice(&part.to_le_bytes());
        }
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<Moments> {
        let mut part = || take(&mut bytes).map(f64::from_le_bytes);
        Ok(Moments { count: part()?, mean: part()?, spread: part()? })
    }
}
