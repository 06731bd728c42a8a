//! From the plan's aggregates to accumulators: types checked, arguments compiled, states shared.

use std::cmp::Ordering;

use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{Field, Schema};
use arrow_select::take::take;
use headrace_core::{Batch, Code, Error, Result, time::Micros};
use headrace_expr::{Compiled, compile, predicate_batch};
use headrace_plan::{AggregateFunction, DataType, Expr, NamedAggregate};

use super::{
    Accumulator, Column, Finish, Rows, count::Count, distinct::ApproxDistinct, extremum::Extremum,
    first_last::FirstLast, quantile::Quantile, stddev::Stddev, sum::FloatSum, sum::IntegerSum, top_k,
};

/// The most entries a `topK` may ask for.
const K_MAX: u32 = 1000;

// Which accumulator serves a function; functions of one kind over the same argument and filter share it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Count,
    IntegerSum,
    FloatSum,
    Min,
    Max,
    Stddev,
    First,
    Last,
    Distinct,
    Quantile,
    TopK(u16),
}

impl Kind {
    fn accumulator(self) -> Box<dyn Accumulator> {
        match self {
            Kind::Count => Column::boxed(Count),
            Kind::IntegerSum => Column::boxed(IntegerSum),
            Kind::FloatSum => Column::boxed(FloatSum),
            Kind::Min => Column::boxed(Extremum { keep: Ordering::Less }),
            Kind::Max => Column::boxed(Extremum { keep: Ordering::Greater }),
            Kind::Stddev => Column::boxed(Stddev),
            Kind::First => Column::boxed(FirstLast { last: false }),
            Kind::Last => Column::boxed(FirstLast { last: true }),
            Kind::Distinct => Column::boxed(ApproxDistinct),
            Kind::Quantile => Column::boxed(Quantile),
            Kind::TopK(k) => Column::boxed(top_k::TopK { k }),
        }
    }
}

struct Shared {
    kind: Kind,
    arg: Option<Expr>,
    filter: Option<Expr>,
    compiled_arg: Option<Compiled>,
    compiled_filter: Option<Compiled>,
}

/// The aggregates of one operator: the states it keeps, and the columns it reads off them.
pub(crate) struct Aggregates {
    shared: Vec<Shared>,
    outputs: Vec<(usize, Finish)>,
}

impl Aggregates {
    /// Compiles aggregates over rows of `schema`.
    pub(crate) fn compile(aggregates: &[NamedAggregate], schema: &Schema) -> Result<Self> {
        let mut this = Aggregates { shared: Vec::new(), outputs: Vec::new() };
        for aggregate in aggregates {
            let (kind, finish, _) = plan(aggregate, schema)?;
            let (arg, filter) = (aggregate.function.arg(), aggregate.filter.as_ref());
            let known = this.shared.iter().position(|shared| {
                shared.kind == kind && shared.arg.as_ref() == arg && shared.filter.as_ref() == filter
            });
            let at = match known {
                Some(at) => at,
                None => {
                    this.shared.push(Shared {
                        kind,
                        arg: arg.cloned(),
                        filter: filter.cloned(),
                        compiled_arg: arg.map(|arg| compile(arg, schema)).transpose()?,
                        compiled_filter: filter
                            .map(|filter| compile_filter(&aggregate.name, filter, schema))
                            .transpose()?,
                    });
                    this.shared.len() - 1
                }
            };
            this.outputs.push((at, finish));
        }
        Ok(this)
    }

    /// An empty set of states.
    pub(crate) fn states(&self) -> States {
        States(self.shared.iter().map(|shared| shared.kind.accumulator()).collect())
    }

    /// Evaluates all arguments and filters over a batch that carries times and row watermarks.
    pub(crate) fn prepare(&self, batch: &Batch) -> Result<Prepared> {
        let hidden = || Error::internal("rows reached a window without event time");
        Ok(Prepared {
            times: batch.times.clone().ok_or_else(hidden)?,
            row_watermarks: batch.row_watermarks.clone().ok_or_else(hidden)?,
            args: self
                .shared
                .iter()
                .map(|shared| shared.compiled_arg.as_ref().map(|arg| arg.evaluate_batch(batch)).transpose())
                .collect::<Result<_>>()?,
            masks: self
                .shared
                .iter()
                .map(|shared| shared.compiled_filter.as_ref().map(|filter| predicate_batch(filter, batch)).transpose())
                .collect::<Result<_>>()?,
        })
    }

    /// The result columns of states `0..count`.
    pub(crate) fn finish(&self, states: &States, count: usize) -> Result<Vec<ArrayRef>> {
        self.outputs.iter().map(|(at, finish)| states.0[*at].finish(finish, count)).collect()
    }
}

/// Rows made ready for the states, whatever became of their other columns.
#[derive(Clone)]
pub(crate) struct Prepared {
    pub(crate) times: ScalarBuffer<Micros>,
    pub(crate) row_watermarks: ScalarBuffer<Micros>,
    pub(crate) args: Vec<Option<ArrayRef>>,
    pub(crate) masks: Vec<Option<BooleanArray>>,
}

impl Prepared {
    /// The rows at `rows`, as a copy that does not keep the batch alive.
    pub(crate) fn take(&self, rows: &[u32]) -> Result<Prepared> {
        let indices = UInt32Array::from(rows.to_vec());
        let pick = |values: &[Micros]| rows.iter().map(|&row| values[row as usize]).collect();
        let column = |column: &dyn Array| take(column, &indices, None).map_err(Error::from);
        Ok(Prepared {
            times: pick(&self.times),
            row_watermarks: pick(&self.row_watermarks),
            args: self.args.iter().map(|arg| arg.as_ref().map(|arg| column(arg)).transpose()).collect::<Result<_>>()?,
            masks: self
                .masks
                .iter()
                .map(|mask| Ok(mask.as_ref().map(|mask| column(mask)).transpose()?.map(|mask| mask.to_data().into())))
                .collect::<Result<_>>()?,
        })
    }
}

/// One set of states, a column for each shared accumulator.
pub(crate) struct States(Vec<Box<dyn Accumulator>>);

impl States {
    pub(crate) fn fresh(&self) -> States {
        States(self.0.iter().map(|column| column.fresh()).collect())
    }

    pub(crate) fn resize(&mut self, slots: usize) {
        self.0.iter_mut().for_each(|column| column.resize(slots));
    }

    /// Adds each row to the state in its slot; [`super::NO_SLOT`] leaves it out.
    pub(crate) fn update(&mut self, slots: &[u32], rows: &Prepared) -> Result<()> {
        for (column, (arg, mask)) in self.0.iter_mut().zip(rows.args.iter().zip(&rows.masks)) {
            column.update(Rows { slots, arg: arg.as_ref(), mask: mask.as_ref(), times: &rows.times })?;
        }
        Ok(())
    }

    pub(crate) fn copy(&mut self, into: &[u32], from: &States, at: &[u32]) -> Result<()> {
        self.0.iter_mut().zip(&from.0).try_for_each(|(column, from)| column.copy(into, from.as_ref(), at))
    }

    pub(crate) fn merge(&mut self, into: &[u32], from: &States, at: &[u32]) -> Result<()> {
        self.0.iter_mut().zip(&from.0).try_for_each(|(column, from)| column.merge(into, from.as_ref(), at))
    }

    /// `self[into[i]] = self[into[i]] merged with self[at[i]]`, one after the other; no pair names one slot twice.
    pub(crate) fn merge_within(&mut self, into: &[u32], at: &[u32]) {
        self.0.iter_mut().for_each(|column| column.merge_within(into, at));
    }

    /// Exchanges the states of two slots.
    pub(crate) fn swap(&mut self, a: u32, b: u32) {
        self.0.iter_mut().for_each(|column| column.swap(a, b));
    }

    pub(crate) fn clear(&mut self, slots: &[u32]) {
        self.0.iter_mut().for_each(|column| column.clear(slots));
    }

    pub(crate) fn columns(&mut self) -> &mut [Box<dyn Accumulator>] {
        &mut self.0
    }
}

fn compile_filter(name: &str, filter: &Expr, schema: &Schema) -> Result<Compiled> {
    let compiled = compile(filter, schema)?;
    match plan_type(&compiled)? {
        DataType::Bool => Ok(compiled),
        other => Err(Error::new(Code::TypeMismatch, format!("the filter of '{name}' is {other:?}, not a boolean"))),
    }
}

fn plan_type(compiled: &Compiled) -> Result<DataType> {
    Ok(compiled.data_type().clone())
}

/// The column that an aggregate becomes.
///
/// # Errors
/// `HR_TYPE_MISMATCH` when the function does not take its argument's type; `HR_OPTION_INVALID` for a rank or number
/// of entries outside its range.
pub fn result_field(aggregate: &NamedAggregate, schema: &Schema) -> Result<Field> {
    let (_, finish, nullable) = plan(aggregate, schema)?;
    if let Some(filter) = &aggregate.filter {
        compile_filter(&aggregate.name, filter, schema)?;
    }
    let data = match finish {
        Finish::Count | Finish::Distinct => DataType::I64,
        Finish::Value(data) | Finish::Sum(data) => data,
        Finish::Avg | Finish::Stddev | Finish::Quantile(_) => DataType::F64,
        Finish::TopK { item, .. } => {
            let entry = arrow_schema::DataType::Struct(top_k::entry_fields(&item));
            DataType::List { item: Box::new(DataType::from_arrow(&entry)?) }
        }
    };
    Ok(Field::new(&aggregate.name, data.to_arrow(), nullable))
}

// The accumulator, what is read off it, and whether that can be null. A result stands for at least one row, so most are
// null only where an argument is or a filter leaves no row over.
fn plan(aggregate: &NamedAggregate, schema: &Schema) -> Result<(Kind, Finish, bool)> {
    use AggregateFunction as F;
    let (name, function) = (&aggregate.name, &aggregate.function);
    let arg = function.arg().map(|arg| compile(arg, schema)).transpose()?;
    let nullable = aggregate.filter.is_some() || arg.as_ref().is_some_and(Compiled::nullable);
    let data = arg.map(|arg| arg.data_type().clone());
    let wrong = |what: &str| {
        let found = data.as_ref().map_or_else(|| "nothing".to_owned(), |data| format!("{data:?}"));
        Error::new(Code::TypeMismatch, format!("'{name}' takes {what}, but its argument is {found}"))
    };
    let scalar = data.clone().filter(|data| !matches!(data, DataType::List { .. } | DataType::Struct { .. }));
    let number =
        data.clone().filter(|data| matches!(data, DataType::I32 | DataType::I64 | DataType::F32 | DataType::F64));
    // NaN takes no part in a quantile, so that of nothing but NaN is null.
    let is_float = matches!(data, Some(DataType::F32 | DataType::F64));
    let sum_kind = match data {
        Some(DataType::F32 | DataType::F64) => Kind::FloatSum,
        _ => Kind::IntegerSum,
    };
    Ok(match function {
        F::Count { .. } => (Kind::Count, Finish::Count, false),
        F::Sum { .. } => match &data {
            Some(DataType::I32 | DataType::I64) => (sum_kind, Finish::Sum(DataType::I64), nullable),
            Some(DataType::Duration) => (sum_kind, Finish::Sum(DataType::Duration), nullable),
            Some(DataType::F32 | DataType::F64) => (sum_kind, Finish::Sum(DataType::F64), nullable),
            _ => return Err(wrong("a number or a duration")),
        },
        F::Avg { .. } => number.map(|_| (sum_kind, Finish::Avg, nullable)).ok_or_else(|| wrong("a number"))?,
        F::Stddev { .. } => number.map(|_| (Kind::Stddev, Finish::Stddev, true)).ok_or_else(|| wrong("a number"))?,
        F::Min { .. } => (Kind::Min, Finish::Value(scalar.ok_or_else(|| wrong("a single value"))?), nullable),
        F::Max { .. } => (Kind::Max, Finish::Value(scalar.ok_or_else(|| wrong("a single value"))?), nullable),
        F::First { .. } => (Kind::First, Finish::Value(scalar.ok_or_else(|| wrong("a single value"))?), nullable),
        F::Last { .. } => (Kind::Last, Finish::Value(scalar.ok_or_else(|| wrong("a single value"))?), nullable),
        F::ApproxDistinct { .. } => {
            scalar.map(|_| (Kind::Distinct, Finish::Distinct, false)).ok_or_else(|| wrong("a single value"))?
        }
        F::Quantile { q, .. } => {
            if !(0.0..=1.0).contains(q) {
                return Err(Error::new(Code::OptionInvalid, format!("'{name}' asks for rank {q}; ranks are 0 to 1")));
            }
            number
                .map(|_| (Kind::Quantile, Finish::Quantile(*q), nullable || is_float))
                .ok_or_else(|| wrong("a number"))?
        }
        F::TopK { k, .. } => {
            if !(1..=K_MAX).contains(k) {
                return Err(Error::new(
                    Code::OptionInvalid,
                    format!("'{name}' asks for {k} entries; 1 to {K_MAX} are kept"),
                ));
            }
            let item = scalar.ok_or_else(|| wrong("a single value"))?;
            (Kind::TopK(*k as u16), Finish::TopK { k: *k as usize, item }, false)
        }
    })
}
