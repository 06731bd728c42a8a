//! `sum` and `avg`: of integers exact in 128 bits, of floats compensated (Neumaier 1974).

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array};
use headrace_core::{Code, Error, Result, time::Micros};
use headrace_state::Paged;

use super::{
    Aggregate, Finish, NO_SLOT, Rows, each, take, unfit,
    value::{ValueRef, Values, build},
};

/// Sum and count of integers or durations.
#[derive(Clone, Copy)]
pub(super) struct IntegerSum;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IntegerSumState {
    sum: i128,
    count: i64,
}

impl Aggregate for IntegerSum {
    type State = IntegerSumState;
    type Input<'a> = Values<'a>;

    fn init(&self) -> IntegerSumState {
        IntegerSumState::default()
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut IntegerSumState, input: &Values<'_>, row: usize, _: Micros) {
        if let Some(ValueRef::Int(value)) = input.get(row) {
            // 2^63 summands of 2^63 each fit: the sum cannot overflow before the count does.
            state.sum += i128::from(value);
            state.count += 1;
        }
    }

    // The commonest case, numbers without nulls or filter, in a loop without dispatch.
    fn update_all(&self, states: &mut Paged<IntegerSumState>, input: &Values<'_>, rows: Rows<'_>) {
        match input {
            Values::I64(column) if rows.mask.is_none() && column.null_count() == 0 => {
                for (&slot, &value) in rows.slots.iter().zip(column.values()) {
                    if slot != NO_SLOT {
                        let state = states.get_mut(slot);
                        state.sum += i128::from(value);
                        state.count += 1;
                    }
                }
            }
            _ => each(self, states, input, rows),
        }
    }

    fn merge(&self, into: &mut IntegerSumState, from: &IntegerSumState) {
        into.sum += from.sum;
        into.count += from.count;
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a IntegerSumState>) -> Result<ArrayRef> {
        match finish {
            Finish::Avg => {
                let mean = |state: &IntegerSumState| (state.count > 0).then(|| state.sum as f64 / state.count as f64);
                Ok(Arc::new(states.map(mean).collect::<Float64Array>()))
            }
            Finish::Sum(data) => {
                let sums: Vec<Option<i64>> = states.map(narrow).collect::<Result<_>>()?;
                build(data, sums.into_iter().map(|sum| sum.map(ValueRef::Int)))
            }
            other => Err(unfit(other)),
        }
    }

    fn encode(&self, state: &IntegerSumState, out: &mut Vec<u8>) {
        out.extend_from_slice(&state.sum.to_le_bytes());
        out.extend_from_slice(&state.count.to_le_bytes());
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<IntegerSumState> {
        let sum = i128::from_le_bytes(take(&mut bytes)?);
        Ok(IntegerSumState { sum, count: i64::from_le_bytes(take(&mut bytes)?) })
    }
}

fn narrow(state: &IntegerSumState) -> Result<Option<i64>> {
    if state.count == 0 {
        return Ok(None);
    }
    i64::try_from(state.sum).map(Some).map_err(|_| {
        Error::new(Code::Overflow, format!("a sum of integers is {}, which does not fit 64 bits", state.sum))
            .hint("Sum a float instead: sum(f.x.cast(t.f64())).")
    })
}

/// Compensated sum and count of floats. NaN and infinities are counted apart, so that they leave with their rows
/// and never poison the compensation.
#[derive(Clone, Copy)]
pub(super) struct FloatSum;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FloatSumState {
    sum: f64,
    compensation: f64,
    count: i64,
    nan: u32,
    infinite: u32,
    negative_infinite: u32,
}

impl FloatSumState {
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if !sum.is_finite() {
            // The exact sum left the range of f64; it stays at that infinity, as plain addition would have it.
            self.sum = sum;
            self.compensation = 0.0;
            return;
        }
        self.compensation +=
            if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
    }

    fn total(&self) -> Option<f64> {
        (self.count > 0).then_some(match (self.nan, self.infinite, self.negative_infinite) {
            (0, 0, 0) => self.sum + self.compensation,
            (0, _, 0) => f64::INFINITY,
            (0, 0, _) => f64::NEG_INFINITY,
            _ => f64::NAN,
        })
    }
}

impl Aggregate for FloatSum {
    type State = FloatSumState;
    type Input<'a> = Values<'a>;

    fn init(&self) -> FloatSumState {
        FloatSumState::default()
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Values<'a>> {
        Values::new(arg)
    }

    fn update(&self, state: &mut FloatSumState, input: &Values<'_>, row: usize, _: Micros) {
        let Some(ValueRef::Float(value)) = input.get(row) else { return };
        state.count += 1;
        if value.is_finite() {
            state.add(value);
        } else if value.is_nan() {
            state.nan += 1;
        } else if value > 0.0 {
            state.infinite += 1;
        } else {
            state.negative_infinite += 1;
        }
    }

    fn merge(&self, into: &mut FloatSumState, from: &FloatSumState) {
        into.add(from.sum);
        into.compensation += from.compensation;
        into.count += from.count;
        into.nan += from.nan;
        into.infinite += from.infinite;
        into.negative_infinite += from.negative_infinite;
    }

    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a FloatSumState>) -> Result<ArrayRef> {
        match finish {
            Finish::Avg => {
                let mean = |state: &FloatSumState| state.total().map(|total| total / state.count as f64);
                Ok(Arc::new(states.map(mean).collect::<Float64Array>()))
            }
            Finish::Sum(data) => build(data, states.map(|state| state.total().map(ValueRef::Float))),
            other => Err(unfit(other)),
        }
    }

    fn encode(&self, state: &FloatSumState, out: &mut Vec<u8>) {
        out.extend_from_slice(&state.sum.to_le_bytes());
        out.extend_from_slice(&state.compensation.to_le_bytes());
        out.extend_from_slice(&state.count.to_le_bytes());
        for special in [state.nan, state.infinite, state.negative_infinite] {
            out.extend_from_slice(&special.to_le_bytes());
        }
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<FloatSumState> {
        Ok(FloatSumState {
            sum: f64::from_le_bytes(take(&mut bytes)?),
            compensation: f64::from_le_bytes(take(&mut bytes)?),
            count: i64::from_le_bytes(take(&mut bytes)?),
            nan: u32::from_le_bytes(take(&mut bytes)?),
            infinite: u32::from_le_bytes(take(&mut bytes)?),
            negative_infinite: u32::from_le_bytes(take(&mut bytes)?),
        })
    }
}
