//! Aggregates as mergeable accumulators, one file a kind.
//!
//! An [`Aggregate`] says how one state is updated, merged and finished; a [`Column`] holds such states by slot and
//! is what the window operator sees, as an [`Accumulator`]. States of equal slots are merged column by column, so
//! that a dynamic call is made once per column and not once per key.

mod build;
mod count;
mod distinct;
mod extremum;
mod first_last;
mod quantile;
mod stddev;
mod sum;
mod top_k;
mod value;

use std::any::Any;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, builder::BinaryBuilder};
use headrace_core::{Code, Error, Result, time::Micros};
use headrace_plan::DataType;
use headrace_sketch::SketchError;
use headrace_state::{Frozen, Paged};

pub use build::result_field;
pub(crate) use build::{Aggregates, Prepared, States};

/// No slot: the row takes no part.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// What is read off a state in the end. Aggregates over the same argument share a state where they can.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finish {
    Value(DataType),
    Count,
    Sum(DataType),
    Avg,
    Stddev,
    Distinct,
    Quantile(f64),
    TopK { k: usize, item: DataType },
}

/// How one state behaves.
pub(crate) trait Aggregate: Clone + Send + Sync + 'static {
    type State: Clone + Send + Sync + 'static;
    /// The argument column, with its type looked at once per batch.
    type Input<'a>;

    fn init(&self) -> Self::State;
    fn input<'a>(&self, arg: Option<&'a ArrayRef>) -> Result<Self::Input<'a>>;
    fn update(&self, state: &mut Self::State, input: &Self::Input<'_>, row: usize, time: Micros);

    /// [`Aggregate::update`] for every row that takes part.
    fn update_all(&self, states: &mut Paged<Self::State>, input: &Self::Input<'_>, rows: Rows<'_>) {
        each(self, states, input, rows);
    }

    /// Takes the rows of `from` in, as if they had followed those of `into`.
    fn merge(&self, into: &mut Self::State, from: &Self::State);
    fn finish<'a>(&self, finish: &Finish, states: impl Iterator<Item = &'a Self::State>) -> Result<ArrayRef>;
    fn encode(&self, state: &Self::State, out: &mut Vec<u8>);
    fn decode(&self, bytes: &[u8]) -> Result<Self::State>;
}

/// Updates states row by row: what [`Aggregate::update_all`] does unless an aggregate knows a faster way.
fn each<A: Aggregate>(aggregate: &A, states: &mut Paged<A::State>, input: &A::Input<'_>, rows: Rows<'_>) {
    let taken = |row: usize| rows.mask.is_none_or(|mask| mask.value(row));
    for (row, (&slot, &time)) in rows.slots.iter().zip(rows.times).enumerate() {
        if slot != NO_SLOT && taken(row) {
            aggregate.update(states.get_mut(slot), input, row, time);
        }
    }
}

/// The rows of one update: a slot for each row, what is aggregated, and which rows take part.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) slots: &'a [u32],
    pub(crate) arg: Option<&'a ArrayRef>,
    pub(crate) mask: Option<&'a BooleanArray>,
    pub(crate) times: &'a [Micros],
}

/// States by slot, of whatever kind.
pub(crate) trait Accumulator: Send {
    fn resize(&mut self, slots: usize);
    fn update(&mut self, rows: Rows<'_>) -> Result<()>;
    /// `self[into[i]] = from[at[i]]`.
    fn copy(&mut self, into: &[u32], from: &dyn Accumulator, at: &[u32]) -> Result<()>;
    /// `self[into[i]] = self[into[i]] merged with from[at[i]]`.
    fn merge(&mut self, into: &[u32], from: &dyn Accumulator, at: &[u32]) -> Result<()>;
    /// `self[into[i]] = self[into[i]] merged with self[at[i]]`.
    fn merge_within(&mut self, into: &[u32], at: &[u32]);
    fn swap(&mut self, a: u32, b: u32);
    fn clear(&mut self, slots: &[u32]);
    /// The results of slots `0..count`.
    fn finish(&self, finish: &Finish, count: usize) -> Result<ArrayRef>;
    fn freeze(&mut self) -> Box<dyn FrozenColumn>;
    fn load(&mut self, slot: u32, bytes: &[u8]) -> Result<()>;
    /// An empty column of the same kind.
    fn fresh(&self) -> Box<dyn Accumulator>;
    fn as_any(&self) -> &dyn Any;
}

/// A column of states as it was when it was frozen.
pub(crate) trait FrozenColumn: Send {
    fn encode(&self, slots: &[u32]) -> BinaryArray;
}

pub(crate) struct Column<A: Aggregate> {
    aggregate: A,
    states: Paged<A::State>,
}

impl<A: Aggregate> Column<A> {
    pub(crate) fn boxed(aggregate: A) -> Box<dyn Accumulator> {
        Box::new(Column { aggregate, states: Paged::new() })
    }

    fn same<'a>(&self, other: &'a dyn Accumulator) -> Result<&'a Paged<A::State>> {
        let same = other.as_any().downcast_ref::<Column<A>>();
        same.map(|column| &column.states).ok_or_else(|| Error::internal("aggregates of different kinds were merged"))
    }
}

impl<A: Aggregate> Accumulator for Column<A> {
    fn resize(&mut self, slots: usize) {
        self.states.resize(slots, || self.aggregate.init());
    }

    fn update(&mut self, rows: Rows<'_>) -> Result<()> {
        let input = self.aggregate.input(rows.arg)?;
        self.aggregate.update_all(&mut self.states, &input, rows);
        Ok(())
    }

    fn copy(&mut self, into: &[u32], from: &dyn Accumulator, at: &[u32]) -> Result<()> {
        let from = self.same(from)?;
        for (&into, &at) in into.iter().zip(at) {
            self.states.get_mut(into).clone_from(from.get(at));
        }
        Ok(())
    }

    fn merge(&mut self, into: &[u32], from: &dyn Accumulator, at: &[u32]) -> Result<()> {
        let from = self.same(from)?;
        for (&into, &at) in into.iter().zip(at) {
            self.aggregate.merge(self.states.get_mut(into), from.get(at));
        }
        Ok(())
    }

    fn merge_within(&mut self, into: &[u32], at: &[u32]) {
        for (&into, &at) in into.iter().zip(at) {
            // The state is taken out for the moment, so that both can be borrowed without a copy.
            let mut state = std::mem::replace(self.states.get_mut(into), self.aggregate.init());
            self.aggregate.merge(&mut state, self.states.get(at));
            *self.states.get_mut(into) = state;
        }
    }

    fn swap(&mut self, a: u32, b: u32) {
        let state = std::mem::replace(self.states.get_mut(a), self.aggregate.init());
        let other = std::mem::replace(self.states.get_mut(b), state);
        *self.states.get_mut(a) = other;
    }

    fn clear(&mut self, slots: &[u32]) {
        for &slot in slots {
            *self.states.get_mut(slot) = self.aggregate.init();
        }
    }

    fn finish(&self, finish: &Finish, count: usize) -> Result<ArrayRef> {
        self.aggregate.finish(finish, (0..count as u32).map(|slot| self.states.get(slot)))
    }

    fn freeze(&mut self) -> Box<dyn FrozenColumn> {
        Box::new(FrozenStates { aggregate: self.aggregate.clone(), states: self.states.freeze() })
    }

    fn load(&mut self, slot: u32, bytes: &[u8]) -> Result<()> {
        *self.states.get_mut(slot) = self.aggregate.decode(bytes)?;
        Ok(())
    }

    fn fresh(&self) -> Box<dyn Accumulator> {
        Column::boxed(self.aggregate.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct FrozenStates<A: Aggregate> {
    aggregate: A,
    states: Frozen<A::State>,
}

impl<A: Aggregate> FrozenColumn for FrozenStates<A> {
    fn encode(&self, slots: &[u32]) -> BinaryArray {
        let mut out = BinaryBuilder::new();
        let mut bytes = Vec::new();
        for &slot in slots {
            bytes.clear();
            self.aggregate.encode(self.states.get(slot), &mut bytes);
            out.append_value(&bytes);
        }
        out.finish()
    }
}

/// A stored state that its aggregate cannot read.
fn damaged() -> Error {
    Error::new(Code::CheckpointDamaged, "the stored state of an aggregate cannot be read")
}

/// A stored sketch that cannot be read; why not decides what the user can do.
fn unreadable(error: &SketchError) -> Error {
    match error {
        SketchError::UnknownVersion { .. } => Error::new(Code::CheckpointVersion, error.to_string())
            .hint("Resume with the version that wrote it, or start over with --fresh."),
        _ => Error::new(Code::CheckpointDamaged, error.to_string()),
    }
}

/// A finish that its aggregate does not have; the builder never pairs the two.
fn unfit(finish: &Finish) -> Error {
    Error::internal(format!("an aggregate cannot be finished as {finish:?}"))
}

/// Reads the next `N` bytes of a stored state.
fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>().ok_or_else(damaged)?;
    *bytes = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use headrace_sketch::{Distinct, TDigest, TopK};

    use super::*;

    #[test]
    fn a_sketch_of_another_version_is_told_from_a_damaged_one() {
        let mut bytes = [Vec::new(), Vec::new(), Vec::new()];
        Distinct::new().encode(&mut bytes[0]);
        TDigest::new().encode(&mut bytes[1]);
        TopK::new(3).encode(&mut bytes[2]);
        let codes = |[distinct, digest, top]: &[Vec<u8>; 3]| {
            let errors = [Distinct::decode(distinct).err(), TDigest::decode(digest).err(), TopK::decode(top).err()];
            errors.map(|error| error.map(|error| unreadable(&error).code()))
        };
        assert_eq!(codes(&bytes), [None; 3]);
        assert_eq!(codes(&bytes.clone().map(|bytes| [&[9], &bytes[1..]].concat())), [Some(Code::CheckpointVersion); 3]);
        assert_eq!(codes(&bytes.map(|bytes| [&bytes[..], &[0]].concat())), [Some(Code::CheckpointDamaged); 3]);
    }
}
