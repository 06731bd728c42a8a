//! `count`.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array};
use headrace_core::{Result, time::Micros};
use headrace_state::Paged;

use super::{Aggregate, Finish, NO_SLOT, Rows, damaged};

/// The number of rows, or of rows whose argument is not null.
#[derive(Clone, Copy)]
pub(super) struct Count;

impl Aggregate for Count {
    type State = i64;
    type Input<'a> = Option<&'a ArrayRef>;

    fn init(&self) -> i64 {
        0
    }

    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Option<&'a ArrayRef>> {
        Ok(arg.filter(|column| column.null_count() > 0))
    }

    fn update(&self, state: &mut i64, input: &Option<&ArrayRef>, row: usize, _: Micros) {
        *state += i64::from(input.is_none_or(|column| column.is_valid(row)));
    }

    fn update_all(&self, states: &mut Paged<i64>, input: &Option<&ArrayRef>, rows: Rows<'_>) {
        if input.is_some() || rows.mask.is_some() {
            let taken = |row: usize| {
                rows.mask.is_none_or(|mask| mask.value(row)) && input.is_none_or(|column| column.is_valid(row))
            };
            let counted = rows.slots.iter().enumerate().filter(|(row, slot)| **slot != NO_SLOT && taken(*row));
            counted.for_each(|(_, &slot)| *states.get_mut(slot) += 1);
        } else {
            rows.slots.iter().filter(|slot| **slot != NO_SLOT).for_each(|&slot| *states.get_mut(slot) += 1);
        }
    }

    fn merge(&self, into: &mut i64, from: &i64) {
        *into += from;
    }

    fn finish<'a>(&self, _: &Finish, states: impl Iterator<Item = &'a i64>) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(states.copied())))
    }

    fn encode(&self, state: &i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&state.to_le_bytes());
    }

    fn decode(&self, bytes: &[u8]) -> Result<i64> {
        bytes.try_into().map(i64::from_le_bytes).map_err(|_| damaged())
    }
}
