//! Expressions as text, for messages.

use headrace_plan::{BinaryOp, Expr, Literal, UnaryOp};

use crate::typing::type_name;

/// Longer texts are cut: a message names the place, it does not repeat the plan.
const MAX_CHARS: usize = 80;

/// How deep an expression is written out before `…` stands for the rest.
const MAX_DEPTH: usize = 6;

/// The expression as text, at most [`MAX_CHARS`] characters.
pub(crate) fn describe(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, 0, &mut out);
    if out.chars().count() > MAX_CHARS {
        out = out.chars().take(MAX_CHARS - 1).chain(['…']).collect();
    }
    out
}

fn write(expr: &Expr, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH || out.len() > MAX_CHARS * 4 {
        out.push('…');
        return;
    }
    let next = depth + 1;
    match expr {
        Expr::Column { name } => out.push_str(name),
        Expr::Literal { literal } => write_literal(literal, out),
        Expr::Unary { op, arg } => {
            let (before, after) = match op {
                UnaryOp::Not => ("not ", ""),
                UnaryOp::Negate => ("-", ""),
                UnaryOp::IsNull => ("", " is null"),
                UnaryOp::IsNotNull => ("", " is not null"),
            };
            out.push_str(before);
            write_operand(arg, next, out);
            out.push_str(after);
        }
        Expr::Binary { op, left, right } => {
            write_operand(left, next, out);
            out.push(' ');
            out.push_str(symbol(*op));
            out.push(' ');
            write_operand(right, next, out);
        }
        Expr::Case { .. } => out.push_str("case …"),
        Expr::Cast { arg, to, safe } => {
            write_operand(arg, next, out);
            let name = if *safe { ".tryCast(" } else { ".cast(" };
            out.push_str(&format!("{name}{})", type_name(to)));
        }
        Expr::Call { function, args } => {
            out.push_str(crate::function::name(*function));
            out.push('(');
            for (index, arg) in args.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write(arg, next, out);
            }
            out.push(')');
        }
    }
}

fn write_operand(expr: &Expr, depth: usize, out: &mut String) {
    if matches!(expr, Expr::Binary { .. }) {
        out.push('(');
        write(expr, depth, out);
        out.push(')');
    } else {
        write(expr, depth, out);
    }
}

fn write_literal(literal: &Literal, out: &mut String) {
    let text = match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool { value } => value.to_string(),
        Literal::I32 { value } => value.to_string(),
        Literal::I64 { value } | Literal::F64 { value } => value.clone(),
        Literal::Utf8 { value } => format!("'{value}'"),
        Literal::Timestamp { value } => format!("timestamp {value} µs"),
        Literal::Duration { value } => format!("{value} µs"),
        Literal::Date { value } => format!("day {value}"),
    };
    out.push_str(&text);
}

/// An operation as a message writes it.
pub(crate) fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Plus => "+",
        BinaryOp::Minus => "-",
        BinaryOp::Times => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Modulo => "%",
        BinaryOp::Eq => "=",
        BinaryOp::Ne => "<>",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::IsNotDistinctFrom => "is not distinct from",
    }
}
