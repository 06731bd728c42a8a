//! Operations that need an operand on some rows only: `and`, `or`, `case` and `coalesce`.

use std::sync::Arc;

use arrow_arith::boolean::{and_kleene, is_null, or_kleene};
use arrow_array::{Array, BooleanArray, cast::AsArray};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType as ArrowType;
use arrow_select::{filter::filter, merge::merge, zip::zip};
use headrace_core::{Error, Result};

use crate::node::{Node, Rows, Selected};
use crate::value::Value;

/// Three-valued `and` or `or`.
pub(crate) struct Logic {
    pub conjunction: bool,
    pub left: Box<Node>,
    pub right: Box<Node>,
}

impl Logic {
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Node> {
        [self.left.as_ref(), self.right.as_ref()].into_iter()
    }

    /// The right side is needed where the left does not decide: where it is not false for `and`, not true for `or`.
    pub(crate) fn evaluate(&self, rows: &Rows<'_>) -> Result<Value> {
        let left = self.left.evaluate(rows)?;
        let scalar = left.is_scalar();
        let left = booleans(left, rows.len)?;
        let open = if self.conjunction { left.values().clone() } else { !left.values() };
        let undecided = BooleanArray::new(left.nulls().map_or(open.clone(), |nulls| &open | &!nulls.inner()), None);
        let right = match self.right.evaluate_where(&undecided, rows)? {
            Selected::None => return Ok(Value::Array(Arc::new(left))),
            Selected::All(Value::Scalar(right)) if scalar => {
                let left = left.slice(0, left.len().min(1));
                return Ok(Value::Scalar(Arc::new(self.combine(&left, right.as_boolean())?)));
            }
            Selected::All(right) => booleans(right, rows.len)?,
            Selected::Dense(right) => {
                merge(&undecided, &right, &Value::null(&ArrowType::Boolean))?.as_boolean().clone()
            }
        };
        Ok(Value::Array(Arc::new(self.combine(&left, &right)?)))
    }

    fn combine(&self, left: &BooleanArray, right: &BooleanArray) -> Result<BooleanArray> {
        Ok(if self.conjunction { and_kleene(left, right)? } else { or_kleene(left, right)? })
    }
}

fn booleans(value: Value, rows: usize) -> Result<BooleanArray> {
    let array = value.into_array(rows)?;
    array.as_boolean_opt().cloned().ok_or_else(|| Error::internal("a condition is not a boolean"))
}

/// Where a condition is true; null counts as false.
pub(crate) fn truths(condition: &BooleanArray) -> BooleanArray {
    match condition.nulls() {
        Some(nulls) => BooleanArray::new(condition.values() & nulls.inner(), None),
        None => condition.clone(),
    }
}

/// The first branch whose condition is true.
pub(crate) struct Case {
    pub data_type: ArrowType,
    pub branches: Vec<(Node, Node)>,
    pub otherwise: Option<Box<Node>>,
}

impl Case {
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Node> {
        self.branches.iter().flat_map(|(when, then)| [when, then]).chain(self.otherwise.as_deref())
    }

    /// Each condition is needed where no earlier one was true, each branch where its condition is the first true one.
    pub(crate) fn evaluate(&self, rows: &Rows<'_>) -> Result<Value> {
        let mut open = BooleanArray::new(BooleanBuffer::new_set(rows.len), None);
        let mut taken = Vec::with_capacity(self.branches.len());
        for (when, then) in &self.branches {
            let condition = match when.evaluate_where(&open, rows)? {
                Selected::None => break,
                Selected::All(value) => booleans(value, rows.len)?,
                Selected::Dense(values) => {
                    merge(&open, &values, &Value::null(&ArrowType::Boolean))?.as_boolean().clone()
                }
            };
            let mask = BooleanArray::new(open.values() & truths(&condition).values(), None);
            open = BooleanArray::new(open.values() & &!mask.values(), None);
            taken.push((then.evaluate_where(&mask, rows)?, mask));
        }
        let mut result = match &self.otherwise {
            Some(otherwise) => overlay(otherwise.evaluate_where(&open, rows)?, &open, Value::null(&self.data_type))?,
            None => Value::null(&self.data_type),
        };
        for (value, mask) in taken.into_iter().rev() {
            result = overlay(value, &mask, result)?;
        }
        Ok(result)
    }
}

// `value` where `mask` is true, `below` elsewhere.
fn overlay(value: Selected, mask: &BooleanArray, below: Value) -> Result<Value> {
    Ok(match value {
        Selected::None => below,
        Selected::All(value) if mask.true_count() == mask.len() => value,
        Selected::All(value) => Value::Array(zip(mask, &value, &below)?),
        Selected::Dense(values) => {
            // `merge` reads its lower operand densely too, so an array there must be thinned to the rows it fills.
            let below = match below {
                Value::Array(array) => {
                    let rest = BooleanArray::new(!mask.values(), None);
                    Value::Array(filter(&array, &rest)?)
                }
                scalar => scalar,
            };
            Value::Array(merge(mask, &values, &below)?)
        }
    })
}

/// The first operand that is not null.
pub(crate) struct Coalesce {
    pub args: Vec<Node>,
    pub data_type: ArrowType,
}

impl Coalesce {
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Node> {
        self.args.iter()
    }

    /// Each operand is needed where all earlier ones are null.
    pub(crate) fn evaluate(&self, rows: &Rows<'_>) -> Result<Value> {
        let mut result = Value::null(&self.data_type);
        for arg in &self.args {
            let missing = match &result {
                Value::Array(array) => is_null(array)?,
                Value::Scalar(value) if value.is_null(0) => BooleanArray::new(BooleanBuffer::new_set(rows.len), None),
                Value::Scalar(_) => break,
            };
            let value = arg.evaluate_where(&missing, rows)?;
            if let Selected::None = value {
                break;
            }
            result = overlay(value, &missing, result)?;
        }
        Ok(result)
    }
}
