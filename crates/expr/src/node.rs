//! Typed nodes: one node, one kernel.

use std::collections::BTreeSet;

use arrow_array::{Array, ArrayRef, BooleanArray, Datum};
use arrow_select::filter::filter;
use headrace_core::{Error, Result};

use crate::conditional::{Case, Coalesce, Logic};
use crate::value::Value;

/// A kernel over one column.
pub(crate) type UnaryKernel = Box<dyn Fn(&dyn Array) -> Result<ArrayRef> + Send + Sync>;
/// A kernel over two columns or scalars.
pub(crate) type BinaryKernel = Box<dyn Fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef> + Send + Sync>;
/// A kernel over any number of columns or scalars.
pub(crate) type ManyKernel = Box<dyn Fn(&[Value]) -> Result<ArrayRef> + Send + Sync>;

/// An operation whose operands' types are known.
pub(crate) enum Node {
    Column(usize),
    Literal(Value),
    Unary { kernel: UnaryKernel, arg: Box<Node> },
    Binary { kernel: BinaryKernel, left: Box<Node>, right: Box<Node> },
    Many { kernel: ManyKernel, args: Vec<Node> },
    Logic(Logic),
    Case(Case),
    Coalesce(Coalesce),
}

/// The rows a node is evaluated on.
///
/// `careful` decides how conditional operands (the branches of `case`, the right side of `and`) are evaluated: first
/// on all rows, which is fastest; if that fails, the whole expression is evaluated again with each operand seeing only
/// the rows that need it. So an expression costs at most two passes, however deep its conditions nest.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// All columns of the input; those the node does not read may have any length.
    pub columns: &'a [ArrayRef],
    /// The number of rows.
    pub len: usize,
    /// Whether operands must not see rows that do not need them.
    pub careful: bool,
}

impl Node {
    /// Computes the node's value for `rows`.
    pub(crate) fn evaluate(&self, rows: &Rows<'_>) -> Result<Value> {
        match self {
            Node::Column(index) => match rows.columns.get(*index) {
                Some(column) => Ok(Value::Array(column.clone())),
                None => Err(Error::internal(format!("an expression reads column {index} of {}", rows.columns.len()))),
            },
            Node::Literal(value) => Ok(value.clone()),
            Node::Unary { kernel, arg } => {
                let arg = arg.evaluate(rows)?;
                Ok(Value::of(kernel(arg.array().as_ref())?, arg.is_scalar()))
            }
            Node::Binary { kernel, left, right } => {
                let (left, right) = (left.evaluate(rows)?, right.evaluate(rows)?);
                Ok(Value::of(kernel(&left, &right)?, left.is_scalar() && right.is_scalar()))
            }
            Node::Many { kernel, args } => {
                let args = args.iter().map(|arg| arg.evaluate(rows)).collect::<Result<Vec<_>>>()?;
                Ok(Value::of(kernel(&args)?, args.iter().all(Value::is_scalar)))
            }
            Node::Logic(node) => node.evaluate(rows),
            Node::Case(node) => node.evaluate(rows),
            Node::Coalesce(node) => node.evaluate(rows),
        }
    }

    /// Computes the node's value where `mask` is true; elsewhere the result holds anything.
    pub(crate) fn evaluate_where(&self, mask: &BooleanArray, rows: &Rows<'_>) -> Result<Selected> {
        let selected = mask.true_count();
        if selected == 0 {
            return Ok(Selected::None);
        }
        if !rows.careful || selected == rows.len {
            return Ok(Selected::All(self.evaluate(rows)?));
        }
        let mut read = BTreeSet::new();
        self.read(&mut read);
        let mut columns = rows.columns.to_vec();
        for (_, column) in columns.iter_mut().enumerate().filter(|(index, _)| read.contains(index)) {
            *column = filter(column, mask)?;
        }
        Ok(match self.evaluate(&Rows { columns: &columns, len: selected, careful: true })? {
            Value::Scalar(value) => Selected::All(Value::Scalar(value)),
            Value::Array(values) => Selected::Dense(values),
        })
    }

    /// Adds the indices of the columns that the node reads.
    pub(crate) fn read(&self, into: &mut BTreeSet<usize>) {
        match self {
            Node::Column(index) => {
                into.insert(*index);
            }
            Node::Literal(_) => {}
            Node::Unary { arg, .. } => arg.read(into),
            Node::Binary { left, right, .. } => {
                left.read(into);
                right.read(into);
            }
            Node::Many { args, .. } => args.iter().for_each(|arg| arg.read(into)),
            Node::Logic(node) => node.operands().for_each(|operand| operand.read(into)),
            Node::Case(node) => node.operands().for_each(|operand| operand.read(into)),
            Node::Coalesce(node) => node.operands().for_each(|operand| operand.read(into)),
        }
    }
}

/// The value of an operand on the rows that need it.
pub(crate) enum Selected {
    /// No row needs it.
    None,
    /// A value for every row; those of rows that do not need it are to be ignored.
    All(Value),
    /// The values of the rows that need it, back to back.
    Dense(ArrayRef),
}
