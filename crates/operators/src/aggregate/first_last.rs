//! `first` and `last` by event time.

use arrow_array::ArrayRef;
use headrace_core::{Result, time::Micros};

use super::{
    Aggregate, Finish, take, unfit,
    value::{self, Value, Values, build},
};

/// The value of the row with the smallest event time, of equal times the first to arrive (`last` false); or of the
/// largest event time, of equal times the last to arrive (`last` true).
#[derive(Clone, Copy)]
pub(super) struct FirstLast {
    pub(super) last: bool,
}

impl FirstLast {
    // Whether a row at `time` that arrives now replaces one at `kept`.
    fn replaces(self, time: Micros, kept: Micros) -> bool {
        if self.last { time >= kept } else { time < kept }
    }
}

impl Aggregate for FirstLast {
    type State = Option<(Micros, Value)>;
    type Input<'a> = Values<'a>;

    fn init(&self) -> Self::State {
        None
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut Self::State, input: &Values<'_>, row: usize, time: Micros) {
        if let Some(value) = input.get(row)
            && state.as_ref().is_none_or(|(kept, _)| self.replaces(time, *kept))
        {
            *state = Some((time, value.to_owned()));
        }
    }

    fn merge(&self, into: &mut Self::State, from: &Self::State) {
        if let Some((time, value)) = from
            && into.as_ref().is_none_or(|(kept, _)| self.replaces(*time, *kept))
        {
            *into = Some((*time, value.clone()));
        }
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef> {
        match finish {
            Finish::Value(data) => build(data, states.map(|state| state.as_ref().map(|(_, value)| value.as_ref()))),
            other => Err(unfit(other)),
        }
    }

    fn encode(&self, state: &Self::State, out: &mut Vec<u8>) {
        if let Some((time, value)) = state {
            out.extend_from_slice(&time.to_le_bytes());
            value::encode(value, out);
        }
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<Self::State> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let time = Micros::from_le_bytes(take(&mut bytes)?);
        Ok(Some((time, value::decode(bytes)?)))
    }
}
