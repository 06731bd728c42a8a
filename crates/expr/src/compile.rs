//! From the plan's untyped expressions to typed nodes.

use std::sync::Arc;

use arrow_arith::boolean::{is_not_null, is_null, not};
use arrow_array::cast::AsArray;
use arrow_schema::Schema;
use headrace_core::suggest::unknown_column;
use headrace_core::{Code, Error, Result};
use headrace_plan::{BinaryOp, DataType, Expr, Literal, UnaryOp, WhenThen};

use crate::compiled::Compiled;
use crate::conditional::{Case, Logic};
use crate::describe::{describe, symbol};
use crate::node::Node;
use crate::typing::{Typed, coerce, expect, is_numeric, mismatch, type_name, unify};
use crate::value::Value;
use crate::{arithmetic, cast, comparison, function, literal};

/// Expressions nest at most this deep, so that walking one never exhausts the stack.
const MAX_DEPTH: usize = 256;

/// Text literals are at most this long, because a column may have to repeat one for every row.
const MAX_LITERAL_BYTES: usize = 64 * 1024;

const CONDITION_HINT: &str = "Compare the value with something, for example .gt(0).";

/// Compiles an expression for batches of `schema`. Dictionaries are text to it, and so is its result.
///
/// # Errors
/// `HR_UNKNOWN_COLUMN` (with the column that may have been meant), `HR_TYPE_MISMATCH` (with both types, the operation
/// and a way out), `HR_PLAN_INVALID` for an expression that no builder makes.
pub fn compile(expr: &Expr, schema: &Schema) -> Result<Compiled> {
    typed_as_is(expr, Compiler { schema, depth: 0 }.compile(expr)?, schema)
}

/// As [`compile`], but an expression that is nothing but a column, or a cast, keeps its dictionary.
///
/// # Errors
/// As [`compile`].
pub fn compile_column(expr: &Expr, schema: &Schema) -> Result<Compiled> {
    typed_as_is(expr, Compiler { schema, depth: 0 }.encoded(expr)?, schema)
}

fn typed_as_is(expr: &Expr, typed: Typed<'_>, schema: &Schema) -> Result<Compiled> {
    let Some(data_type) = typed.data_type else {
        return Err(Error::new(Code::TypeMismatch, format!("{} is null and has no type", describe(expr)))
            .hint("Give the null a type, for example .cast(t.i64())."));
    };
    Ok(Compiled::new(typed.node, data_type, typed.nullable, schema))
}

/// Compiles an expression that must be a boolean, such as that of a filter.
///
/// # Errors
/// As [`compile`], and `HR_TYPE_MISMATCH` for another type.
pub fn compile_predicate(expr: &Expr, schema: &Schema) -> Result<Compiled> {
    let typed = Compiler { schema, depth: 0 }.compile(expr)?;
    let typed = expect("a condition", typed, &DataType::Bool, CONDITION_HINT)?;
    Ok(Compiled::new(typed.node, DataType::Bool, typed.nullable, schema))
}

#[derive(Clone, Copy)]
struct Compiler<'s> {
    schema: &'s Schema,
    depth: usize,
}

impl Compiler<'_> {
    // The one place in which dictionaries become text, so that no operation has to know of them.
    fn compile<'a>(&self, expr: &'a Expr) -> Result<Typed<'a>> {
        let typed = self.encoded(expr)?;
        Ok(if typed.data_type == Some(DataType::Dictionary) { cast::decode(typed) } else { typed })
    }

    fn encoded<'a>(&self, expr: &'a Expr) -> Result<Typed<'a>> {
        if self.depth > MAX_DEPTH {
            return Err(Error::new(Code::PlanInvalid, format!("an expression nests deeper than {MAX_DEPTH} levels"))
                .hint("Compute parts of it with withColumns first."));
        }
        let inner = Compiler { depth: self.depth + 1, ..*self };
        match expr {
            Expr::Column { name } => self.column(expr, name),
            Expr::Literal { literal } => constant(expr, literal),
            Expr::Unary { op, arg } => unary(expr, *op, inner.compile(arg)?),
            Expr::Binary { op, left, right } => binary(expr, *op, inner.compile(left)?, inner.compile(right)?),
            Expr::Case { branches, otherwise } => inner.case(expr, branches, otherwise.as_deref()),
            Expr::Cast { arg, to, safe } => cast::compile(expr, inner.compile(arg)?, to, *safe),
            Expr::Call { function, args } => {
                let args = args.iter().map(|arg| inner.compile(arg)).collect::<Result<_>>()?;
                function::compile(expr, *function, args)
            }
        }
    }

    fn column<'a>(&self, expr: &'a Expr, name: &str) -> Result<Typed<'a>> {
        let fields = self.schema.fields();
        let Some((index, field)) = fields.find(name) else {
            return Err(unknown_column(name, fields.iter().map(|field| field.name().as_str())));
        };
        let data_type = headrace_plan::Field::from_arrow(field)?.data;
        Ok(Typed { expr, node: Node::Column(index), data_type: Some(data_type), nullable: field.is_nullable() })
    }

    fn case<'a>(&self, expr: &'a Expr, branches: &'a [WhenThen], otherwise: Option<&'a Expr>) -> Result<Typed<'a>> {
        if branches.is_empty() {
            return Err(Error::new(Code::PlanInvalid, "a case has no branches").hint("Add at least one when(…)."));
        }
        let mut conditions = Vec::with_capacity(branches.len());
        let mut values = Vec::with_capacity(branches.len() + 1);
        for WhenThen { when, then } in branches {
            conditions.push(expect("the condition of a case", self.compile(when)?, &DataType::Bool, CONDITION_HINT)?);
            values.push(self.compile(then)?);
        }
        if let Some(otherwise) = otherwise {
            values.push(self.compile(otherwise)?);
        }
        let all: Vec<_> = values.iter().collect();
        let Some(data_type) = unify(&all) else {
            return Err(mismatch("case", &all, "Cast the values to one type, for example .cast(t.f64())."));
        };
        let nullable = otherwise.is_none() || values.iter().any(|value| value.nullable);
        let mut nodes =
            values.into_iter().map(|value| Ok(coerce(value, &data_type)?.node)).collect::<Result<Vec<_>>>()?;
        let otherwise = otherwise.and_then(|_| nodes.pop()).map(Box::new);
        let branches = conditions.into_iter().map(|condition| condition.node).zip(nodes).collect();
        let node = Node::Case(Case { data_type: data_type.to_arrow(), branches, otherwise });
        Ok(Typed { expr, node, data_type: Some(data_type), nullable })
    }
}

fn constant<'a>(expr: &'a Expr, literal: &Literal) -> Result<Typed<'a>> {
    if let Literal::Utf8 { value } = literal
        && value.len() > MAX_LITERAL_BYTES
    {
        return Err(Error::new(Code::PlanInvalid, format!("a text literal has {} bytes", value.len()))
            .hint(format!("At most {MAX_LITERAL_BYTES} are allowed; join long texts in as a column.")));
    }
    Ok(match literal::scalar(literal)? {
        Some((data_type, value)) => {
            Typed { expr, node: Node::Literal(Value::Scalar(value)), data_type: Some(data_type), nullable: false }
        }
        None => {
            let node = Node::Literal(Value::null(&arrow_schema::DataType::Null));
            Typed { expr, node, data_type: None, nullable: true }
        }
    })
}

fn unary<'a>(expr: &'a Expr, op: UnaryOp, arg: Typed<'a>) -> Result<Typed<'a>> {
    let (kernel, arg, data_type, nullable): (crate::node::UnaryKernel, _, _, _) = match op {
        UnaryOp::Not => {
            let arg = expect("not", arg, &DataType::Bool, CONDITION_HINT)?;
            let nullable = arg.nullable;
            (Box::new(|array| Ok(Arc::new(not(array.as_boolean())?))), arg, DataType::Bool, nullable)
        }
        UnaryOp::Negate => match arg.data_type.clone() {
            Some(data_type) if is_numeric(&data_type) || data_type == DataType::Duration => {
                let (text, nullable, result) = (describe(expr), arg.nullable, data_type.clone());
                (Box::new(move |array| arithmetic::negate(array, &text, &result)), arg, data_type, nullable)
            }
            _ => return Err(mismatch("-", &[&arg], "Negation takes a number or a duration.")),
        },
        UnaryOp::IsNull => (Box::new(|array| Ok(Arc::new(is_null(array)?))), any(arg)?, DataType::Bool, false),
        UnaryOp::IsNotNull => (Box::new(|array| Ok(Arc::new(is_not_null(array)?))), any(arg)?, DataType::Bool, false),
    };
    Ok(Typed { expr, node: Node::Unary { kernel, arg: Box::new(arg.node) }, data_type: Some(data_type), nullable })
}

// Whether a value is null can be asked of any type; an untyped null takes the simplest.
fn any(arg: Typed<'_>) -> Result<Typed<'_>> {
    match &arg.data_type {
        Some(_) => Ok(arg),
        None => coerce(arg, &DataType::Bool),
    }
}

fn binary<'a>(expr: &'a Expr, op: BinaryOp, left: Typed<'a>, right: Typed<'a>) -> Result<Typed<'a>> {
    match op {
        BinaryOp::And | BinaryOp::Or => logic(expr, op, left, right),
        BinaryOp::Plus | BinaryOp::Minus | BinaryOp::Times | BinaryOp::Divide | BinaryOp::Modulo => {
            arithmetic::compile(expr, op, left, right)
        }
        _ => compare(expr, op, left, right),
    }
}

fn logic<'a>(expr: &'a Expr, op: BinaryOp, left: Typed<'a>, right: Typed<'a>) -> Result<Typed<'a>> {
    let operand = |operand| expect(&format!("'{}'", symbol(op)), operand, &DataType::Bool, CONDITION_HINT);
    let (left, right) = (operand(left)?, operand(right)?);
    let nullable = left.nullable || right.nullable;
    let (left, right) = (Box::new(left.node), Box::new(right.node));
    let node = Node::Logic(Logic { conjunction: op == BinaryOp::And, left, right });
    Ok(Typed { expr, node, data_type: Some(DataType::Bool), nullable })
}

fn compare<'a>(expr: &'a Expr, op: BinaryOp, left: Typed<'a>, right: Typed<'a>) -> Result<Typed<'a>> {
    let Some(common) = unify(&[&left, &right]) else {
        return Err(mismatch(symbol(op), &[&left, &right], comparison::hint(&left, &right)));
    };
    let Some(kernel) = comparison::kernel(op, &common) else {
        let hint = format!("Values of type {} have no order.", type_name(&common));
        return Err(mismatch(symbol(op), &[&left, &right], hint));
    };
    let nullable = op != BinaryOp::IsNotDistinctFrom && (left.nullable || right.nullable);
    let (left, right) = (coerce(left, &common)?.node, coerce(right, &common)?.node);
    let node = Node::Binary { kernel, left: Box::new(left), right: Box::new(right) };
    Ok(Typed { expr, node, data_type: Some(DataType::Bool), nullable })
}
