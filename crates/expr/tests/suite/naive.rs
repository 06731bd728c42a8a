//! The oracle: evaluates an expression for one row, recursively, on plain values.
//!
//! It takes the type of a result from the values it sees, so it serves expressions whose branches have one type each,
//! which is what [`crate::generate`] makes.

use std::cmp::Ordering;

use chrono::{Datelike, Days, NaiveDate};
use headrace_core::Code;
use headrace_plan::{BinaryOp, DataType, Expr, Function, Literal, UnaryOp};

use crate::value::Val;

type Outcome = Result<Val, Code>;

/// The columns of one row.
pub(crate) type Row<'a> = [(&'a str, Val)];

pub(crate) fn evaluate(expr: &Expr, row: &Row<'_>) -> Outcome {
    match expr {
        Expr::Column { name } => {
            Ok(row.iter().find(|(column, _)| column == name).expect("a column of the row").1.clone())
        }
        Expr::Literal { literal } => Ok(constant(literal)),
        Expr::Unary { op, arg } => unary(*op, evaluate(arg, row)?),
        Expr::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), left, right } => {
            let decides = Val::Bool(*op == BinaryOp::Or);
            let left = evaluate(left, row)?;
            if left == decides {
                return Ok(decides);
            }
            let right = evaluate(right, row)?;
            Ok(match (left, right) {
                (_, right) if right == decides => decides,
                (Val::Null, _) | (_, Val::Null) => Val::Null,
                (_, right) => right,
            })
        }
        // A date among times becomes its midnight before anything else happens, whatever the other side is.
        Expr::Binary { op: op @ (BinaryOp::Plus | BinaryOp::Minus), left, right } => {
            let left = midnight(evaluate(left, row)?)?;
            binary(*op, left, midnight(evaluate(right, row)?)?)
        }
        Expr::Binary { op, left, right } => binary(*op, evaluate(left, row)?, evaluate(right, row)?),
        Expr::Case { branches, otherwise } => {
            for branch in branches {
                if evaluate(&branch.when, row)? == Val::Bool(true) {
                    return evaluate(&branch.then, row);
                }
            }
            otherwise.as_ref().map_or(Ok(Val::Null), |otherwise| evaluate(otherwise, row))
        }
        Expr::Cast { arg, to, safe } => match evaluate(arg, row)? {
            Val::Null => Ok(Val::Null),
            value => match cast(value, to) {
                Some(value) => Ok(value),
                None if *safe => Ok(Val::Null),
                None => Err(Code::CastFailed),
            },
        },
        Expr::Call { function: Function::Coalesce, args } => {
            for arg in args {
                let value = evaluate(arg, row)?;
                if value != Val::Null {
                    return Ok(value);
                }
            }
            Ok(Val::Null)
        }
        Expr::Call { function, args } => {
            let args = args.iter().map(|arg| evaluate(arg, row)).collect::<Result<Vec<_>, _>>()?;
            call(*function, &args)
        }
    }
}

fn constant(literal: &Literal) -> Val {
    match literal {
        Literal::Null => Val::Null,
        Literal::Bool { value } => Val::Bool(*value),
        Literal::I32 { value } => Val::I32(*value),
        Literal::I64 { value } => Val::I64(value.parse().expect("digits")),
        Literal::F64 { value } => Val::F64(value.parse().expect("a float")),
        Literal::Utf8 { value } => Val::Text(value.clone()),
        Literal::Timestamp { value } => Val::Time(value.parse().expect("digits")),
        Literal::Duration { value } => Val::Span(value.parse().expect("digits")),
        Literal::Date { value } => Val::Day(*value),
    }
}

fn unary(op: UnaryOp, value: Val) -> Outcome {
    Ok(match (op, value) {
        (UnaryOp::IsNull, value) => Val::Bool(value == Val::Null),
        (UnaryOp::IsNotNull, value) => Val::Bool(value != Val::Null),
        (_, Val::Null) => Val::Null,
        (UnaryOp::Not, Val::Bool(value)) => Val::Bool(!value),
        (UnaryOp::Negate, Val::F32(value)) => Val::F32(-value),
        (UnaryOp::Negate, Val::F64(value)) => Val::F64(-value),
        (UnaryOp::Negate, value) => return whole(&value, -wide(&value)),
        (op, value) => panic!("{op:?} of {value:?}"),
    })
}

fn wide(value: &Val) -> i128 {
    match value {
        Val::I32(value) => (*value).into(),
        Val::I64(value) | Val::Time(value) | Val::Span(value) => (*value).into(),
        Val::Day(value) => (*value).into(),
        other => panic!("{other:?} is not whole"),
    }
}

/// A whole number in the type of `like`, or an overflow.
fn whole(like: &Val, value: i128) -> Outcome {
    let long = i64::try_from(value).map_err(|_| Code::Overflow);
    Ok(match like {
        Val::I32(_) => Val::I32(value.try_into().map_err(|_| Code::Overflow)?),
        Val::I64(_) => Val::I64(long?),
        Val::Time(_) => Val::Time(long?),
        Val::Span(_) => Val::Span(long?),
        other => panic!("no whole numbers like {other:?}"),
    })
}

fn float(value: &Val) -> f64 {
    match value {
        Val::F32(value) => (*value).into(),
        Val::F64(value) => *value,
        Val::I32(value) => (*value).into(),
        Val::I64(value) => *value as f64,
        other => panic!("{other:?} is not a number"),
    }
}

fn binary(op: BinaryOp, left: Val, right: Val) -> Outcome {
    use BinaryOp::{Divide, Eq, Ge, Gt, IsNotDistinctFrom, Le, Lt, Minus, Modulo, Ne, Plus, Times};
    if op == IsNotDistinctFrom {
        let nulls = [&left, &right].iter().filter(|value| ***value == Val::Null).count();
        return Ok(Val::Bool(nulls == 2 || (nulls == 0 && order(&left, &right) == Ordering::Equal)));
    }
    if left == Val::Null || right == Val::Null {
        return Ok(Val::Null);
    }
    let verdict = match op {
        Eq => Some(order(&left, &right).is_eq()),
        Ne => Some(order(&left, &right).is_ne()),
        Lt => Some(order(&left, &right).is_lt()),
        Le => Some(order(&left, &right).is_le()),
        Gt => Some(order(&left, &right).is_gt()),
        Ge => Some(order(&left, &right).is_ge()),
        _ => None,
    };
    if let Some(verdict) = verdict {
        return Ok(Val::Bool(verdict));
    }
    if let (Val::F32(a), Val::F32(b)) = (&left, &right) {
        return Ok(Val::F32(match op {
            Plus => a + b,
            Minus => a - b,
            Times => a * b,
            Divide => a / b,
            _ => a % b,
        }));
    }
    if matches!(left, Val::F32(_) | Val::F64(_)) || matches!(right, Val::F32(_) | Val::F64(_)) {
        let (a, b) = (float(&left), float(&right));
        return Ok(Val::F64(match op {
            Plus => a + b,
            Minus => a - b,
            Times => a * b,
            Divide => a / b,
            _ => a % b,
        }));
    }
    let like = match (op, &left, &right) {
        (Minus, Val::Time(_), Val::Time(_)) => Val::Span(0),
        (_, Val::Time(_), _) | (_, _, Val::Time(_)) => Val::Time(0),
        (_, Val::Span(_), _) | (_, _, Val::Span(_)) => Val::Span(0),
        (_, Val::I64(_), _) | (_, _, Val::I64(_)) => Val::I64(0),
        _ => Val::I32(0),
    };
    let (a, b) = (wide(&left), wide(&right));
    let value = match op {
        Plus => a + b,
        Minus => a - b,
        Times => a * b,
        Divide | Modulo if b == 0 => return Err(Code::DivisionByZero),
        Divide => a / b,
        // The remainder overflows exactly where the quotient does.
        _ => return whole(&like, a / b).map(|_| whole(&like, a % b))?,
    };
    whole(&like, value)
}

// A date too far away for a timestamp is a failed conversion.
fn midnight(value: Val) -> Outcome {
    match value {
        Val::Day(_) => cast(value, &DataType::Timestamp).ok_or(Code::CastFailed),
        other => Ok(other),
    }
}

fn order(left: &Val, right: &Val) -> Ordering {
    match (left, right) {
        (Val::Bool(a), Val::Bool(b)) => a.cmp(b),
        (Val::Text(a), Val::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Val::F32(_) | Val::F64(_), _) | (_, Val::F32(_) | Val::F64(_)) => {
            let (a, b) = (float(left), float(right));
            a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
        }
        _ => wide(left).cmp(&wide(right)),
    }
}

fn call(function: Function, args: &[Val]) -> Outcome {
    if function == Function::NullIf {
        let equal = !args.contains(&Val::Null) && order(&args[0], &args[1]).is_eq();
        return Ok(if equal { Val::Null } else { args[0].clone() });
    }
    if args.contains(&Val::Null) {
        return Ok(Val::Null);
    }
    Ok(match (function, args) {
        (Function::Abs, [Val::F32(value)]) => Val::F32(value.abs()),
        (Function::Abs, [Val::F64(value)]) => Val::F64(value.abs()),
        (Function::Abs, [value]) => return whole(value, wide(value).abs()),
        // Rounding an f32 in f64 is exact, and the result is an f32 again.
        (Function::Floor | Function::Ceil | Function::Round, [Val::F32(value)]) => {
            Val::F32(float(&call(function, &[Val::F64((*value).into())])?) as f32)
        }
        (Function::Floor, [value]) => Val::F64(float(value).floor()),
        (Function::Ceil, [value]) => Val::F64(float(value).ceil()),
        (Function::Round, [value]) => {
            let value = float(value);
            let away = if value.fract().abs() >= 0.5 { 1.0 } else { 0.0_f64 };
            Val::F64(value.trunc() + away.copysign(value))
        }
        (Function::Sqrt, [value]) => Val::F64(float(value).sqrt()),
        (Function::Micros, [value]) => Val::I64(wide(value) as i64),
        (Function::DurationMicros, [value]) => Val::Span(wide(value) as i64),
        (Function::TruncateTo, [Val::Time(time), Val::Span(unit)]) => {
            if *unit <= 0 {
                return Err(Code::OptionInvalid);
            }
            let (time, unit) = (i128::from(*time), i128::from(*unit));
            let below = (time - if time < 0 { unit - 1 } else { 0 }) / unit * unit;
            return whole(&args[0], below);
        }
        (_, [Val::Text(_), ..]) => text(function, args),
        (_, [time]) => Val::I64(part(function, micros_of_any_date(time))),
        (function, args) => panic!("{function:?} of {args:?}"),
    })
}

fn text(function: Function, args: &[Val]) -> Val {
    let texts: Vec<&str> =
        args.iter().filter_map(|arg| if let Val::Text(text) = arg { Some(text.as_str()) } else { None }).collect();
    let chars: Vec<char> = texts[0].chars().collect();
    match function {
        Function::Lower => Val::Text(chars.iter().flat_map(|c| c.to_lowercase()).collect()),
        Function::Upper => Val::Text(chars.iter().flat_map(|c| c.to_uppercase()).collect()),
        Function::Trim => {
            let first = chars.iter().position(|c| !c.is_whitespace()).unwrap_or(chars.len());
            let last = chars.iter().rposition(|c| !c.is_whitespace()).map_or(first, |last| last + 1);
            Val::Text(chars[first..last].iter().collect())
        }
        Function::Length => Val::I64(chars.len() as i64),
        Function::Concat => Val::Text(texts.concat()),
        Function::StartsWith => Val::Bool(texts[0].as_bytes().starts_with(texts[1].as_bytes())),
        Function::EndsWith => Val::Bool(texts[0].as_bytes().ends_with(texts[1].as_bytes())),
        Function::Contains => {
            let parts: Vec<char> = texts[1].chars().collect();
            Val::Bool((0..=chars.len()).any(|at| chars[at..].starts_with(&parts)))
        }
        Function::Like => Val::Bool(like(&chars, &texts[1].chars().collect::<Vec<_>>())),
        Function::Substring => {
            let size = chars.len() as i128;
            let first = wide(&args[1]) + if wide(&args[1]) < 0 { size + 1 } else { 0 };
            let (from, to) = match args.get(2).map(wide) {
                None => (first, size + 1),
                Some(length) => (first.min(first + length), first.max(first + length)),
            };
            let taken = chars.iter().zip(1_i128..).filter(|(_, at)| (from..to).contains(at)).map(|(c, _)| c);
            Val::Text(taken.collect())
        }
        other => panic!("{other:?} is not a function of text"),
    }
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        (['%', rest @ ..], _) => (0..=text.len()).any(|at| like(&text[at..], rest)),
        (['_', rest @ ..], [_, tail @ ..]) => like(tail, rest),
        ([c, rest @ ..], [d, tail @ ..]) => c == d && like(tail, rest),
        _ => false,
    }
}

fn micros_of_any_date(value: &Val) -> i128 {
    match value {
        Val::Day(days) => i128::from(*days) * 86_400_000_000,
        other => wide(other),
    }
}

fn part(function: Function, micros: i128) -> i64 {
    let (year, date) = calendar(micros.div_euclid(86_400_000_000) as i64);
    let clock = micros.rem_euclid(86_400_000_000) as i64;
    match function {
        Function::Year => year,
        Function::Month => date.month().into(),
        Function::Day => date.day().into(),
        Function::Hour => clock / 3_600_000_000,
        Function::Minute => clock / 60_000_000 % 60,
        Function::DayOfWeek => date.weekday().number_from_monday().into(),
        other => panic!("{other:?} is not a part of a time"),
    }
}

/// The year, and the date by chrono moved by whole cycles of 400 years to where chrono has dates.
fn calendar(days: i64) -> (i64, NaiveDate) {
    const CYCLE: i64 = 146_097;
    let start = NaiveDate::from_ymd_opt(1970, 1, 1).expect("the epoch");
    let date = start + Days::new(days.rem_euclid(CYCLE) as u64);
    (i64::from(date.year()) + days.div_euclid(CYCLE) * 400, date)
}

fn cast(value: Val, to: &DataType) -> Option<Val> {
    Some(match (&value, to) {
        (Val::Bool(value), DataType::Utf8) => Val::Text(if *value { "true" } else { "false" }.into()),
        (Val::Bool(value), _) => return cast(Val::I32((*value).into()), to),
        (Val::Text(text), DataType::Bool) => Val::Bool(match text.to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => true,
            "false" | "f" | "no" | "n" | "0" => false,
            _ => return None,
        }),
        (Val::Text(text), DataType::F32) => Val::F32(plain(text)?.parse().ok()?),
        (Val::Text(text), DataType::F64) => Val::F64(plain(text)?.parse().ok()?),
        (Val::Text(text), DataType::I32 | DataType::I64) => {
            let value = nearest_integer(&plain(text)?)?;
            if *to == DataType::I32 { Val::I32(value.try_into().ok()?) } else { Val::I64(value.try_into().ok()?) }
        }
        (Val::Text(text), DataType::Date) => Val::Day(parse_time(text)?.0.try_into().ok()?),
        (Val::Text(text), DataType::Timestamp) => {
            let (days, clock) = parse_time(text)?;
            Val::Time(i64::try_from(i128::from(days) * 86_400_000_000 + clock).ok()?)
        }
        (Val::F32(value), DataType::Utf8) => Val::Text(digits(&format!("{value:e}"))),
        (Val::F64(value), DataType::Utf8) => Val::Text(digits(&format!("{value:e}"))),
        (Val::I32(_) | Val::I64(_), DataType::Utf8) => Val::Text(wide(&value).to_string()),
        (Val::Day(days), DataType::Utf8) => Val::Text(date_text((*days).into())),
        (Val::Day(days), DataType::Timestamp) => Val::Time(i64::from(*days).checked_mul(86_400_000_000)?),
        (Val::Span(span), DataType::Duration) => Val::Span(*span),
        (Val::Time(time), DataType::Date) => Val::Day(time.div_euclid(86_400_000_000) as i32),
        (Val::Time(time), DataType::Utf8) => {
            let clock = clock_text(time.rem_euclid(86_400_000_000).into());
            Val::Text(format!("{} {clock}", date_text(time.div_euclid(86_400_000_000))))
        }
        (Val::Span(span), DataType::Utf8) => {
            let sign = if *span < 0 { "-" } else { "" };
            Val::Text(format!("{sign}{}", clock_text(i128::from(*span).abs())))
        }
        (Val::F32(_) | Val::F64(_), DataType::I32 | DataType::I64) => {
            let value = float(&value);
            let down = value.floor();
            let up = value - down > 0.5 || (value - down == 0.5 && down % 2.0 != 0.0);
            let nearest = if up { down + 1.0 } else { down };
            if !(-9.3e18..9.3e18).contains(&nearest) {
                return None;
            }
            let nearest = nearest as i128;
            if *to == DataType::I32 { Val::I32(nearest.try_into().ok()?) } else { Val::I64(nearest.try_into().ok()?) }
        }
        (number, DataType::Bool) => Val::Bool(float(number) != 0.0),
        (number, DataType::I32) => Val::I32(wide(number).try_into().ok()?),
        (number, DataType::I64) => Val::I64(wide(number) as i64),
        (number, DataType::F64) => Val::F64(float(number)),
        (Val::I64(number), DataType::F32) => Val::F32(*number as f32),
        (number, DataType::F32) => {
            let (wide, narrow) = (float(number), float(number) as f32);
            if narrow.is_infinite() && wide.is_finite() {
                return None;
            }
            Val::F32(narrow)
        }
        (value, to) => panic!("a cast of {value:?} to {to:?}"),
    })
}

/// A number's text without white space around it and underscores between its digits.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let parts: Vec<_> = text.split('_').collect();
    let between_digits = parts.windows(2).all(|pair| {
        pair[0].ends_with(|c: char| c.is_ascii_alphanumeric())
            && pair[1].starts_with(|c: char| c.is_ascii_alphanumeric())
    });
    between_digits.then(|| parts.concat())
}

/// The integer nearest to a decimal number of at most 38 digits, halves away from zero.
fn nearest_integer(text: &str) -> Option<i128> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = exponent.parse::<i32>().ok()? - fraction.len() as i32;
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    match power {
        Some(power) if shift >= 0 => digits.checked_mul(power),
        Some(power) => Some((digits.abs() + power / 2) / power * digits.signum()),
        None => (shift < 0 || digits == 0).then_some(0),
    }
}

/// Days since the epoch and microseconds into the day, of a text as casts to text write it.
fn parse_time(text: &str) -> Option<(i64, i128)> {
    let (text, before_christ) = (text.replace(" (BC)", ""), text.contains(" (BC)"));
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let (date, clock) = (words.next()?, words.next());
    let mut parts = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if before_christ { 1 - year } else { year };
    let moved = i32::try_from(2000 + year.rem_euclid(400)).ok()?;
    let date = NaiveDate::from_ymd_opt(moved, month.try_into().ok()?, day.try_into().ok()?)?;
    let days = date.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1)?).num_days();
    let clock = clock.map_or(Some(0), |clock| {
        let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
        let seconds = parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??;
        Some((seconds * 1e6).round() as i128)
    });
    Some((days + (year - i64::from(moved)) / 400 * 146_097, clock?))
}

fn date_text(days: i64) -> String {
    let (year, date) = calendar(days);
    let (year, era) = if year < 1 { (1 - year, " (BC)") } else { (year, "") };
    format!("{year:04}-{:02}-{:02}{era}", date.month(), date.day())
}

fn clock_text(micros: i128) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { clock } else { format!("{clock}.{fraction:06}").trim_end_matches('0').to_owned() }
}

/// From Rust's `d.ddde±x`, which has the fewest digits, to plain digits between 1e-4 and 1e16.
fn digits(scientific: &str) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific.to_lowercase() };
    let exponent: i32 = exponent.parse().expect("an exponent");
    if !(-4..16).contains(&exponent) {
        return format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    let padded = format!("{digits:0<whole$}");
    let fraction = if padded.len() > whole { &padded[whole..] } else { "0" };
    format!("{sign}{}.{fraction}", &padded[..whole])
}
