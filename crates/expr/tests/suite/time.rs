//! Functions of timestamps, dates and durations.

use headrace_core::Code;
use headrace_plan::{DataType, Function};

use crate::build::{both, call, error, lit, null, one};
use crate::value::Val::{Day, I32, I64, Null, Span, Time};

#[test]
fn parts_in_utc() {
    let parts = [Function::Year, Function::Month, Function::Day, Function::Hour, Function::Minute, Function::DayOfWeek];
    for (micros, wanted) in [
        (0, [1970, 1, 1, 0, 0, 4]),
        (-1, [1969, 12, 31, 23, 59, 3]),
        (981_195_072_500_000, [2001, 2, 3, 10, 11, 6]),
        (951_782_400_000_000, [2000, 2, 29, 0, 0, 2]),
        (-62_135_596_800_000_001, [0, 12, 31, 23, 59, 7]),
        (i64::MAX, [294_247, 1, 10, 4, 0, 7]),
        (i64::MIN, [-290_308, 12, 21, 19, 59, 7]),
    ] {
        for (part, wanted) in parts.into_iter().zip(wanted) {
            let value = both(DataType::Timestamp, Time(micros), |arg| call(part, [arg]));
            assert_eq!(value, Ok(I64(wanted)), "{part:?} of {micros} µs");
        }
    }
    for (part, wanted) in parts.into_iter().zip([2001, 2, 4, 0, 0, 7]) {
        assert_eq!(both(DataType::Date, Day(11_357), |arg| call(part, [arg])), Ok(I64(wanted)), "{part:?}");
    }
    assert_eq!(one(&call(Function::Year, [null()])), Ok(Null));
    assert_eq!(one(&call(Function::Year, [lit(Day(i32::MAX))])), Ok(I64(5_881_580)));
}

#[test]
fn truncation() {
    for (time, unit, wanted) in [
        (15, 10, 10),
        (10, 10, 10),
        (9, 10, 0),
        (-1, 10, -10),
        (-10, 10, -10),
        (-1, 7, -7),
        (5, i64::MAX, 0),
        (i64::MIN, 1, i64::MIN),
    ] {
        let fixed = both(DataType::Timestamp, Time(time), |arg| call(Function::TruncateTo, [arg, lit(Span(unit))]));
        assert_eq!(fixed, Ok(Time(wanted)), "{time} to {unit}");
        let varying = both(DataType::Duration, Span(unit), |arg| call(Function::TruncateTo, [lit(Time(time)), arg]));
        assert_eq!(varying, Ok(Time(wanted)), "{time} to {unit}, the unit a column");
    }
    for unit in [0, -1] {
        let failure = error(&call(Function::TruncateTo, [lit(Time(5)), lit(Span(unit))]));
        assert_eq!(failure.code(), Code::OptionInvalid);
    }
    assert_eq!(error(&call(Function::TruncateTo, [lit(Time(i64::MIN)), lit(Span(10))])).code(), Code::Overflow);
    let date = call(Function::TruncateTo, [lit(Day(1)), lit(Span(86_400_000_000))]);
    assert_eq!(one(&date), Ok(Time(86_400_000_000)));
}

#[test]
fn microseconds() {
    assert_eq!(both(DataType::Timestamp, Time(-5), |arg| call(Function::Micros, [arg])), Ok(I64(-5)));
    assert_eq!(both(DataType::Duration, Span(i64::MIN), |arg| call(Function::Micros, [arg])), Ok(I64(i64::MIN)));
    assert_eq!(both(DataType::I64, I64(7), |arg| call(Function::DurationMicros, [arg])), Ok(Span(7)));
    assert_eq!(both(DataType::I32, I32(-7), |arg| call(Function::DurationMicros, [arg])), Ok(Span(-7)));
}
