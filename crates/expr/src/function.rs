//! Functions: their names, the types they take and what they yield.

use arrow_array::{Array, cast::AsArray};
use arrow_select::nullif::nullif;
use headrace_core::{Code, Error, Result};
use headrace_plan::{BinaryOp, DataType, Expr, Function};

use crate::conditional::Coalesce;
use crate::describe::describe;
use crate::math::{self, Rounding};
use crate::node::{BinaryKernel, ManyKernel, Node, UnaryKernel};
use crate::temporal::{self, Part};
use crate::typing::{Typed, coerce, expect, given_as, is_float, is_integer, is_numeric, mismatch, unify};
use crate::value::Value;
use crate::{cast, comparison, text};

/// A function as the builder spells it.
pub(crate) fn name(function: Function) -> &'static str {
    match function {
        Function::Coalesce => "coalesce",
        Function::NullIf => "nullIf",
        Function::Abs => "abs",
        Function::Floor => "floor",
        Function::Ceil => "ceil",
        Function::Round => "round",
        Function::Sqrt => "sqrt",
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Trim => "trim",
        Function::Length => "length",
        Function::Concat => "concat",
        Function::Substring => "substring",
        Function::StartsWith => "startsWith",
        Function::EndsWith => "endsWith",
        Function::Contains => "contains",
        Function::Like => "like",
        Function::TruncateTo => "truncateTo",
        Function::Micros => "micros",
        Function::Year => "year",
        Function::Month => "month",
        Function::Day => "day",
        Function::Hour => "hour",
        Function::Minute => "minute",
        Function::DayOfWeek => "dayOfWeek",
        Function::DurationMicros => "durationMicros",
    }
}

/// Compiles a call.
///
/// # Errors
/// `HR_PLAN_INVALID` for a wrong number of arguments, `HR_TYPE_MISMATCH` for arguments of the wrong type.
pub(crate) fn compile<'a>(expr: &'a Expr, function: Function, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
    let call = Call { expr, function };
    match function {
        Function::Coalesce => call.coalesce(args),
        Function::NullIf => call.null_if(args),
        Function::Abs => call.abs(args),
        Function::Floor => call.round(args, Rounding::Floor),
        Function::Ceil => call.round(args, Rounding::Ceil),
        Function::Round => call.round(args, Rounding::Nearest),
        Function::Sqrt => call.sqrt(args),
        Function::Lower => call.text(args, DataType::Utf8, Box::new(text::lower)),
        Function::Upper => call.text(args, DataType::Utf8, Box::new(text::upper)),
        Function::Trim => call.text(args, DataType::Utf8, Box::new(text::trim)),
        Function::Length => call.text(args, DataType::I64, Box::new(text::length)),
        Function::Concat => call.concat(args),
        Function::Substring => call.substring(args),
        Function::StartsWith => call.text_pair(args, Box::new(text::starts_with)),
        Function::EndsWith => call.text_pair(args, Box::new(text::ends_with)),
        Function::Contains => call.text_pair(args, Box::new(text::contains)),
        Function::Like => call.text_pair(args, Box::new(text::like)),
        Function::TruncateTo => call.truncate_to(args),
        Function::Micros => call.micros(args),
        Function::Year => call.part(args, Part::Year),
        Function::Month => call.part(args, Part::Month),
        Function::Day => call.part(args, Part::Day),
        Function::Hour => call.part(args, Part::Hour),
        Function::Minute => call.part(args, Part::Minute),
        Function::DayOfWeek => call.part(args, Part::DayOfWeek),
        Function::DurationMicros => call.duration_micros(args),
    }
}

#[derive(Clone, Copy)]
struct Call<'a> {
    expr: &'a Expr,
    function: Function,
}

const TEXT_HINT: &str = "Cast the value with .cast(t.utf8()).";

impl<'a> Call<'a> {
    fn name(&self) -> &'static str {
        name(self.function)
    }

    fn args<const N: usize>(&self, args: Vec<Typed<'a>>) -> Result<[Typed<'a>; N]> {
        let given = args.len();
        args.try_into().map_err(|_| self.wrong_count(&N.to_string(), given))
    }

    fn wrong_count(&self, wanted: &str, given: usize) -> Error {
        Error::new(Code::PlanInvalid, format!("{} takes {wanted} arguments, not {given}", self.name()))
            .hint("The builder always writes the right number; a plan written by hand must too.")
    }

    fn wrong_type(&self, wanted: &str, given: &Typed, hint: &str) -> Error {
        Error::new(Code::TypeMismatch, format!("{} takes {wanted}, not {}", self.name(), given_as(given))).hint(hint)
    }

    fn text_arg(&self, arg: Typed<'a>) -> Result<Typed<'a>> {
        expect(self.name(), arg, &DataType::Utf8, TEXT_HINT)
    }

    fn integer_arg(&self, arg: Typed<'a>) -> Result<Typed<'a>> {
        expect(self.name(), arg, &DataType::I64, "Cast the value with .cast(t.i64()).")
    }

    fn unary(&self, kernel: UnaryKernel, arg: Typed<'a>, data_type: DataType) -> Typed<'a> {
        let nullable = arg.nullable;
        let node = Node::Unary { kernel, arg: Box::new(arg.node) };
        Typed { expr: self.expr, node, data_type: Some(data_type), nullable }
    }

    fn binary(&self, kernel: BinaryKernel, [left, right]: [Typed<'a>; 2], data_type: DataType) -> Typed<'a> {
        let nullable = left.nullable || right.nullable;
        let node = Node::Binary { kernel, left: Box::new(left.node), right: Box::new(right.node) };
        Typed { expr: self.expr, node, data_type: Some(data_type), nullable }
    }

    fn many(&self, kernel: ManyKernel, args: Vec<Typed<'a>>, data_type: DataType) -> Typed<'a> {
        let nullable = args.iter().any(|arg| arg.nullable);
        let node = Node::Many { kernel, args: args.into_iter().map(|arg| arg.node).collect() };
        Typed { expr: self.expr, node, data_type: Some(data_type), nullable }
    }

    fn coalesce(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        if args.is_empty() {
            return Err(self.wrong_count("one or more", 0));
        }
        let all: Vec<_> = args.iter().collect();
        let Some(data_type) = unify(&all) else {
            return Err(mismatch("coalesce", &all, "Cast the values to one type, for example .cast(t.f64())."));
        };
        let nullable = args.iter().all(|arg| arg.nullable);
        let args = args.into_iter().map(|arg| Ok(coerce(arg, &data_type)?.node)).collect::<Result<_>>()?;
        let node = Node::Coalesce(Coalesce { args, data_type: data_type.to_arrow() });
        Ok(Typed { expr: self.expr, node, data_type: Some(data_type), nullable })
    }

    /// The result has the type of the first argument, also when the comparison is made in a wider one.
    fn null_if(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [value, other] = self.args(args)?;
        let common = unify(&[&value, &other]);
        let equal = common.as_ref().and_then(|common| comparison::kernel(BinaryOp::Eq, common));
        let (Some(common), Some(equal)) = (common, equal) else {
            return Err(mismatch("nullIf", &[&value, &other], comparison::hint(&value, &other)));
        };
        let value = if value.data_type.is_none() { coerce(value, &common)? } else { value };
        let other = coerce(other, &common)?;
        let data_type = value.data_type.clone().unwrap_or(common.clone());
        let widen = cast::kernel(&data_type, &common, false);
        let widen = widen.ok_or_else(|| Error::internal("nullIf compares types that do not widen"))?;
        let kernel: BinaryKernel = Box::new(move |value, other| {
            let (array, scalar) = value.get();
            let equal = equal(&Value::of(widen(array)?, scalar), other)?;
            let rows = equal.len();
            let array = Value::of(arrow_array::make_array(array.to_data()), scalar).into_array(rows)?;
            Ok(nullif(&array, equal.as_boolean())?)
        });
        let call = self.binary(kernel, [value, other], data_type);
        Ok(Typed { nullable: true, ..call })
    }

    fn abs(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        let Some(data_type) = arg.data_type.clone().filter(|data| is_numeric(data) || *data == DataType::Duration)
        else {
            return Err(self.wrong_type("a number or a duration", &arg, "Cast the value with .cast(t.f64())."));
        };
        Ok(self.unary(math::abs(&data_type, describe(self.expr))?, arg, data_type))
    }

    fn round(&self, args: Vec<Typed<'a>>, rounding: Rounding) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        let (arg, data_type) = self.float_arg(arg)?;
        Ok(self.unary(math::round(rounding, &data_type)?, arg, data_type))
    }

    fn sqrt(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        let arg = coerce(self.float_arg(arg)?.0, &DataType::F64)?;
        Ok(self.unary(Box::new(math::sqrt), arg, DataType::F64))
    }

    /// A float as it is, an integer or an untyped null as `f64`.
    fn float_arg(&self, arg: Typed<'a>) -> Result<(Typed<'a>, DataType)> {
        let data_type = match &arg.data_type {
            Some(data_type) if is_float(data_type) => data_type.clone(),
            Some(data_type) if !is_integer(data_type) => {
                return Err(self.wrong_type("a number", &arg, "Cast the value with .cast(t.f64())."));
            }
            _ => DataType::F64,
        };
        Ok((coerce(arg, &data_type)?, data_type))
    }

    fn text(&self, args: Vec<Typed<'a>>, data_type: DataType, kernel: UnaryKernel) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        Ok(self.unary(kernel, self.text_arg(arg)?, data_type))
    }

    fn text_pair(&self, args: Vec<Typed<'a>>, kernel: BinaryKernel) -> Result<Typed<'a>> {
        let [left, right] = self.args(args)?;
        Ok(self.binary(kernel, [self.text_arg(left)?, self.text_arg(right)?], DataType::Bool))
    }

    fn concat(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        if args.is_empty() {
            return Err(self.wrong_count("one or more", 0));
        }
        let args = args.into_iter().map(|arg| self.text_arg(arg)).collect::<Result<_>>()?;
        Ok(self.many(Box::new(text::concat), args, DataType::Utf8))
    }

    fn substring(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        if !(2..=3).contains(&args.len()) {
            return Err(self.wrong_count("2 or 3", args.len()));
        }
        let typed = args.into_iter().enumerate();
        let args = typed.map(|(index, arg)| if index == 0 { self.text_arg(arg) } else { self.integer_arg(arg) });
        Ok(self.many(Box::new(text::substring), args.collect::<Result<_>>()?, DataType::Utf8))
    }

    fn truncate_to(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [time, unit] = self.args(args)?;
        let time = expect(self.name(), time, &DataType::Timestamp, "Cast the value with .cast(t.timestamp()).")?;
        let unit = expect(self.name(), unit, &DataType::Duration, "Use a duration, such as durationMicros(…).")?;
        Ok(self.binary(temporal::truncate_to(describe(self.expr)), [time, unit], DataType::Timestamp))
    }

    fn micros(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        match arg.data_type {
            Some(DataType::Timestamp) => Ok(self.unary(Box::new(temporal::timestamp_micros), arg, DataType::I64)),
            Some(DataType::Duration) => Ok(self.unary(Box::new(temporal::duration_to_micros), arg, DataType::I64)),
            _ => Err(self.wrong_type("a timestamp or a duration", &arg, "Cast the value with .cast(t.timestamp()).")),
        }
    }

    fn part(&self, args: Vec<Typed<'a>>, part: Part) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        match arg.data_type {
            Some(DataType::Date) => Ok(self.unary(temporal::part_of_date(part), arg, DataType::I64)),
            Some(DataType::Timestamp) | None => {
                let arg = coerce(arg, &DataType::Timestamp)?;
                Ok(self.unary(temporal::part_of_timestamp(part), arg, DataType::I64))
            }
            _ => Err(self.wrong_type("a timestamp or a date", &arg, "Cast the value with .cast(t.timestamp()).")),
        }
    }

    fn duration_micros(&self, args: Vec<Typed<'a>>) -> Result<Typed<'a>> {
        let [arg] = self.args(args)?;
        Ok(self.unary(Box::new(temporal::micros_to_duration), self.integer_arg(arg)?, DataType::Duration))
    }
}
