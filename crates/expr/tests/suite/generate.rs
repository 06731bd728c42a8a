//! Random well-typed expressions and random batches for them.

use headrace_plan::{BinaryOp, DataType, Expr, Function, UnaryOp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::build::{bin, call, case, cast, col, lit, null, try_cast, un};
use crate::value::Val;

/// The types that expressions range over, with the name of the column that has the type.
pub(crate) const COLUMNS: [(&str, DataType); 9] = [
    ("bool", DataType::Bool),
    ("i32", DataType::I32),
    ("i64", DataType::I64),
    ("f32", DataType::F32),
    ("f64", DataType::F64),
    ("text", DataType::Utf8),
    ("day", DataType::Date),
    ("time", DataType::Timestamp),
    ("span", DataType::Duration),
];

const NUMBERS: [DataType; 4] = [DataType::I32, DataType::I64, DataType::F32, DataType::F64];

/// Rows with a value for each of [`COLUMNS`]; about one value in five is null.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Vec<Val>>> {
    let row = COLUMNS.map(|(_, data)| prop_oneof![4 => value(data), 1 => Just(Val::Null)].boxed());
    vec(row.to_vec(), 1..24)
}

/// Values of a type, the extremes among them.
fn value(data: DataType) -> BoxedStrategy<Val> {
    match data {
        DataType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        DataType::I32 => prop_oneof![
            3 => (-4..5_i32).prop_map(Val::I32),
            1 => select(vec![i32::MIN, i32::MIN + 1, i32::MAX]).prop_map(Val::I32),
            1 => any::<i32>().prop_map(Val::I32),
        ]
        .boxed(),
        DataType::I64 => prop_oneof![4 => (-4..5_i64).prop_map(Val::I64), 2 => long().prop_map(Val::I64)].boxed(),
        DataType::F32 => prop_oneof![
            2 => (-6..7_i8).prop_map(|halves| Val::F32(f32::from(halves) / 2.0)),
            1 => any::<f32>().prop_map(Val::F32),
            1 => select(vec![f32::NAN, f32::INFINITY, -0.0, f32::MAX, 1e-5, 16_777_216.0]).prop_map(Val::F32),
        ]
        .boxed(),
        DataType::F64 => prop_oneof![
            2 => (-6..7_i8).prop_map(|halves| Val::F64(f64::from(halves) / 2.0)),
            1 => any::<f64>().prop_map(Val::F64),
            2 => select(vec![
                f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, f64::MAX, f64::MIN_POSITIVE, 1e16, 1e-4, 9.2e18,
                9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0, 2_147_483_647.5, 0.499_999_999_999_999_94,
            ])
            .prop_map(Val::F64),
        ]
        .boxed(),
        DataType::Utf8 => prop_oneof![
            2 => "[ac%_ \\\\é]{0,5}".prop_map(Val::Text),
            1 => "[ \t]?[-+]?[0-9]{1,4}(\\.[0-9]{1,3})?(e[0-9])?".prop_map(Val::Text),
            1 => select(vec!["true", "no", "T", "2001-02-03", "2001-02-30", "1969-12-31", "nan", "-inf", "", "ΑΣ 🦀"])
                .prop_map(Val::from),
        ]
        .boxed(),
        DataType::Date => prop_oneof![
            3 => (-800_000..800_000_i32).prop_map(Val::Day),
            1 => any::<i32>().prop_map(Val::Day),
        ]
        .boxed(),
        DataType::Timestamp => time().prop_map(Val::Time).boxed(),
        DataType::Duration => {
            prop_oneof![2 => (-5..100_i64).prop_map(Val::Span), 2 => time().prop_map(Val::Span)].boxed()
        }
        other => panic!("no values of {other:?}"),
    }
}

fn long() -> impl Strategy<Value = i64> {
    prop_oneof![select(vec![i64::MIN, i64::MIN + 1, i64::MAX, 1 << 53, i64::from(i32::MAX) + 1]), any::<i64>()]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![3 => -100_000_000_000_000_000..100_000_000_000_000_000_i64, 1 => -90_000_000..90_000_000_i64, 1 => long()]
}

/// Any expression and its type.
pub(crate) fn typed() -> impl Strategy<Value = (DataType, Expr)> {
    select(COLUMNS.to_vec()).prop_flat_map(|(_, data)| (Just(data.clone()), expr(data, 4)))
}

/// Expressions of a type, nested at most `depth` deep. The alternatives of a level are built when the level is drawn:
/// those of all levels at once would be far too many.
fn expr(data: DataType, depth: u32) -> BoxedStrategy<Expr> {
    Just(()).prop_flat_map(move |()| level(data.clone(), depth)).boxed()
}

fn level(data: DataType, depth: u32) -> BoxedStrategy<Expr> {
    let name = COLUMNS.iter().find(|(_, column)| *column == data).expect("a type with a column").0;
    let leaf = prop_oneof![3 => Just(col(name)), 1 => value(data.clone()).prop_map(lit)].boxed();
    if depth == 0 {
        return leaf;
    }
    let specific = match &data {
        DataType::Bool => booleans(depth - 1),
        DataType::Utf8 => texts(depth - 1),
        DataType::Timestamp | DataType::Duration => times(&data, depth - 1),
        DataType::Date => leaf.clone(),
        number => numbers(number, depth - 1),
    };
    prop_oneof![2 => leaf, 6 => specific, 2 => any_type(data, depth - 1)].boxed()
}

/// What yields any type: casts, `case`, `coalesce` and `nullIf`.
fn any_type(data: DataType, depth: u32) -> BoxedStrategy<Expr> {
    let same = || expr(data.clone(), depth);
    let dated = matches!(data, DataType::Date | DataType::Timestamp);
    let casts = select(sources(&data)).prop_flat_map(move |from| match from {
        DataType::Utf8 if dated => text_of_date(depth),
        from => expr(from, depth),
    });
    let (to, condition) = (data.clone(), || expr(DataType::Bool, depth));
    prop_oneof![
        2 => (casts, any::<bool>()).prop_map(move |(arg, safe)| if safe { try_cast(arg, to.clone()) } else { cast(arg, to.clone()) }),
        1 => (vec((condition(), same()), 1..4), proptest::option::of(same())).prop_map(|(branches, otherwise)| case(branches, otherwise)),
        1 => (condition(), same()).prop_map(|(when, then)| case([(when, then)], Some(null()))),
        1 => vec(same(), 1..4).prop_map(|args| call(Function::Coalesce, args)),
        1 => (same(), same()).prop_map(|(a, b)| call(Function::NullIf, [a, b])),
    ]
    .boxed()
}

/// Texts that may be dates, without the odd forms that joining texts could make, which the oracle does not read.
fn text_of_date(depth: u32) -> BoxedStrategy<Expr> {
    let dates = select(vec![DataType::Date, DataType::Timestamp]).prop_flat_map(move |data| expr(data, depth));
    prop_oneof![Just(col("text")), dates.prop_map(|arg| cast(arg, DataType::Utf8))].boxed()
}

/// The types that can be cast to a type.
fn sources(to: &DataType) -> Vec<DataType> {
    let numbers = NUMBERS.to_vec();
    let mut from = match to {
        DataType::Date => vec![DataType::Timestamp, DataType::Utf8],
        DataType::Timestamp => vec![DataType::Date, DataType::Utf8],
        DataType::Duration => vec![DataType::Duration],
        DataType::Utf8 => COLUMNS.map(|(_, data)| data).to_vec(),
        _ => [numbers, vec![DataType::Bool, DataType::Utf8]].concat(),
    };
    from.retain(|from| from != to);
    if from.is_empty() { vec![to.clone()] } else { from }
}

fn booleans(depth: u32) -> BoxedStrategy<Expr> {
    use BinaryOp::{And, Eq, Ge, Gt, IsNotDistinctFrom, Le, Lt, Ne, Or};
    let operators = select(vec![Eq, Ne, Lt, Le, Gt, Ge, IsNotDistinctFrom]);
    let one_type =
        select(COLUMNS.to_vec()).prop_flat_map(move |(_, data)| (expr(data.clone(), depth), expr(data, depth))).boxed();
    let operands = prop_oneof![3 => one_type, 1 => mixed_numbers(depth).prop_map(|(_, a, b)| (a, b))];
    let bools = move || expr(DataType::Bool, depth);
    let logic = (select(vec![And, Or]), bools(), prop_oneof![9 => bools(), 1 => Just(null())]);
    let texts = || expr(DataType::Utf8, depth);
    let text_tests = select(vec![Function::StartsWith, Function::EndsWith, Function::Contains, Function::Like]);
    let null_tests = select(vec![UnaryOp::IsNull, UnaryOp::IsNotNull]);
    let anything = select(COLUMNS.to_vec()).prop_flat_map(move |(_, data)| expr(data, depth));
    prop_oneof![
        3 => (operators, operands).prop_map(|(op, (a, b))| bin(op, a, b)),
        3 => logic.prop_map(|(op, a, b)| bin(op, a, b)),
        1 => bools().prop_map(|arg| un(UnaryOp::Not, arg)),
        1 => (null_tests, anything).prop_map(|(op, arg)| un(op, arg)),
        2 => (text_tests, texts(), texts()).prop_map(|(function, a, b)| call(function, [a, b])),
    ]
    .boxed()
}

/// Two operands of different numeric types, and the type they widen to. A literal would adapt to the other side, which
/// the oracle cannot see, so the float side is a column where the other is an `f32`.
fn mixed_numbers(depth: u32) -> BoxedStrategy<(DataType, Expr, Expr)> {
    use DataType::{F32, F64, I32, I64};
    let pairs =
        vec![(I32, I64, I64), (I64, I32, I64), (I32, F64, F64), (F64, I64, F64), (F32, F64, F64), (I32, F32, F64)];
    select(pairs)
        .prop_flat_map(move |(a, b, common)| {
            let has_f32 = a == F32 || b == F32;
            let side = |data: DataType| match has_f32 {
                true => Just(col(if data == F32 {
                    "f32"
                } else if data == F64 {
                    "f64"
                } else {
                    "i32"
                }))
                .boxed(),
                false => expr(data, depth),
            };
            (Just(common), side(a), side(b))
        })
        .boxed()
}

fn numbers(data: &DataType, depth: u32) -> BoxedStrategy<Expr> {
    use BinaryOp::{Divide, Minus, Modulo, Plus, Times};
    let operators = || select(vec![Plus, Minus, Times, Divide, Modulo]);
    let same = || expr(data.clone(), depth);
    let common = (operators(), same(), same()).prop_map(|(op, a, b)| bin(op, a, b));
    let negated = same().prop_map(|arg| un(UnaryOp::Negate, arg));
    let abs = same().prop_map(|arg| call(Function::Abs, [arg]));
    let base = prop_oneof![4 => common, 1 => negated, 1 => abs].boxed();
    let rounding = || select(vec![Function::Floor, Function::Ceil, Function::Round]);
    match data {
        DataType::I64 => {
            let wanted = DataType::I64;
            let mixed = mixed_numbers(depth).prop_filter("integers", move |(common, ..)| *common == wanted);
            prop_oneof![
                4 => base,
                2 => (operators(), mixed).prop_map(|(op, (_, a, b))| bin(op, a, b)),
                3 => integers_of_other_types(depth),
            ]
            .boxed()
        }
        DataType::F32 => {
            prop_oneof![3 => base, 1 => (rounding(), same()).prop_map(|(function, arg)| call(function, [arg]))].boxed()
        }
        DataType::F64 => {
            let wanted = DataType::F64;
            let mixed = mixed_numbers(depth).prop_filter("floats", move |(common, ..)| *common == wanted);
            let wide = select(vec![DataType::I32, DataType::I64, DataType::F64]);
            let any_number = select(NUMBERS.to_vec()).prop_flat_map(move |data| expr(data, depth));
            prop_oneof![
                4 => base,
                2 => (operators(), mixed).prop_map(|(op, (_, a, b))| bin(op, a, b)),
                1 => (rounding(), wide.prop_flat_map(move |data| expr(data, depth))).prop_map(|(function, arg)| call(function, [arg])),
                1 => any_number.prop_map(|arg| call(Function::Sqrt, [arg])),
            ]
            .boxed()
        }
        _ => base,
    }
}

fn integers_of_other_types(depth: u32) -> BoxedStrategy<Expr> {
    use Function::{Day, DayOfWeek, Hour, Length, Micros, Minute, Month, Year};
    let parts = select(vec![Year, Month, Day, Hour, Minute, DayOfWeek]);
    let dates = select(vec![DataType::Date, DataType::Timestamp]).prop_flat_map(move |data| expr(data, depth));
    let spans = select(vec![DataType::Duration, DataType::Timestamp]).prop_flat_map(move |data| expr(data, depth));
    prop_oneof![
        1 => expr(DataType::Utf8, depth).prop_map(|arg| call(Length, [arg])),
        1 => spans.prop_map(|arg| call(Micros, [arg])),
        2 => (parts, dates).prop_map(|(part, arg)| call(part, [arg])),
    ]
    .boxed()
}

fn texts(depth: u32) -> BoxedStrategy<Expr> {
    let text = || expr(DataType::Utf8, depth);
    let number = || prop_oneof![expr(DataType::I32, depth), expr(DataType::I64, depth)];
    let functions = select(vec![Function::Lower, Function::Upper, Function::Trim]);
    prop_oneof![
        2 => (functions, text()).prop_map(|(function, arg)| call(function, [arg])),
        1 => vec(text(), 1..4).prop_map(|args| call(Function::Concat, args)),
        1 => (text(), number()).prop_map(|(a, b)| call(Function::Substring, [a, b])),
        1 => (text(), number(), number()).prop_map(|(a, b, c)| call(Function::Substring, [a, b, c])),
    ]
    .boxed()
}

fn times(data: &DataType, depth: u32) -> BoxedStrategy<Expr> {
    use BinaryOp::{Minus, Plus, Times};
    let time = || expr(DataType::Timestamp, depth);
    let span = || expr(DataType::Duration, depth);
    let integer = || prop_oneof![expr(DataType::I32, depth), expr(DataType::I64, depth)];
    let moment = prop_oneof![3 => time(), 1 => Just(col("day"))];
    if *data == DataType::Timestamp {
        return prop_oneof![
            (select(vec![Plus, Minus]), moment, span()).prop_map(|(op, a, b)| bin(op, a, b)),
            (span(), time()).prop_map(|(a, b)| bin(Plus, a, b)),
            (time(), span()).prop_map(|(a, b)| call(Function::TruncateTo, [a, b])),
        ]
        .boxed();
    }
    prop_oneof![
        (moment, time()).prop_map(|(a, b)| bin(Minus, a, b)),
        (select(vec![Plus, Minus]), span(), span()).prop_map(|(op, a, b)| bin(op, a, b)),
        (span(), integer()).prop_map(|(a, b)| bin(Times, a, b)),
        (integer(), span()).prop_map(|(a, b)| bin(Times, a, b)),
        span().prop_map(|arg| un(UnaryOp::Negate, arg)),
        span().prop_map(|arg| call(Function::Abs, [arg])),
        integer().prop_map(|arg| call(Function::DurationMicros, [arg])),
    ]
    .boxed()
}
