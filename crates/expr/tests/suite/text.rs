//! Functions of text, with DuckDB's answers.

use headrace_plan::{DataType, Function};

use crate::build::{both, call, col, lit, null, one, rows, utf8};
use crate::value::Val::{self, Bool, I32, I64, Null, Text};

#[test]
fn substrings() {
    for (start, length, wanted) in [
        (2, None, "ello"),
        (2, Some(3), "ell"),
        (0, None, "hello"),
        (0, Some(2), "h"),
        (-2, None, "lo"),
        (-2, Some(1), "l"),
        (-10, Some(3), ""),
        (-10, Some(7), "he"),
        (-10, None, "hello"),
        (2, Some(0), ""),
        (2, Some(-1), "h"),
        (5, Some(-3), "ell"),
        (-1, Some(-2), "ll"),
        (0, Some(-2), ""),
        (3, Some(-10), "he"),
        (9, Some(-5), "lo"),
        (10, None, ""),
        (1, Some(100), "hello"),
        (i64::MAX, None, ""),
        (i64::MIN, None, "hello"),
        (2, Some(i64::MAX), "ello"),
        (i64::MAX, Some(i64::MIN), "hello"),
        (i64::MIN, Some(i64::MIN), ""),
    ] {
        for (text, wanted) in [("hello", wanted.to_owned()), ("häl🦀ö", translate(wanted))] {
            let value = both(DataType::Utf8, text.into(), |text| {
                let numbers = [Some(start), length].into_iter().flatten().map(|number| lit(I64(number)));
                call(Function::Substring, [text].into_iter().chain(numbers).collect::<Vec<_>>())
            });
            assert_eq!(value, Ok(Text(wanted)), "substring('{text}', {start}, {length:?})");
        }
    }
}

// The same places of `häl🦀ö` as of `hello`, whose two l differ in what stands before them.
fn translate(part: &str) -> String {
    let start = if part.starts_with("lo") { 3 } else { "hello".find(part).unwrap_or(0) };
    let start = if part == "l" { 3 } else { start };
    "häl🦀ö".chars().skip(start).take(part.len()).collect()
}

#[test]
fn substrings_of_columns() {
    let columns = [
        ("s", DataType::Utf8, vec!["abc".into(), "abc".into(), Null, "abc".into()]),
        ("n", DataType::I32, vec![I32(2), Null, I32(1), I32(-1)]),
    ];
    let expr = call(Function::Substring, [col("s"), col("n")]);
    assert_eq!(rows(&expr, &columns), Ok(vec!["bc".into(), Null, Null, "c".into()]));
    let expr = call(Function::Substring, [utf8("xyz"), lit(I32(1)), col("n")]);
    assert_eq!(rows(&expr, &columns), Ok(vec!["xy".into(), Null, "x".into(), "".into()]));
}

#[test]
fn case_is_changed_by_character() {
    for (text, lower, upper) in [
        ("", "", ""),
        ("Abc 1", "abc 1", "ABC 1"),
        ("ß", "ß", "ẞ"),
        ("İı", "iı", "İI"),
        ("ΑΣ", "ασ", "ΑΣ"),
        ("ŉﬁ", "ŉﬁ", "ŉﬁ"),
        ("ᾀᾳ", "ᾀᾳ", "ᾈᾼ"),
        ("\u{212a}É", "ké", "\u{212a}É"),
        ("🦀x", "🦀x", "🦀X"),
    ] {
        for (function, wanted) in [(Function::Lower, lower), (Function::Upper, upper)] {
            let value = both(DataType::Utf8, text.into(), |arg| call(function, [arg]));
            assert_eq!(value, Ok(wanted.into()), "{function:?} of '{text}'");
        }
    }
    // A column of ASCII is changed in one sweep, over its nulls too.
    let columns = [("s", DataType::Utf8, vec!["aB".into(), Null, "".into(), "Cd!".into()])];
    let upper = rows(&call(Function::Upper, [col("s")]), &columns);
    assert_eq!(upper, Ok(vec!["AB".into(), Null, "".into(), "CD!".into()]));
}

#[test]
fn trims_and_lengths() {
    for (text, trimmed, length) in
        [("", "", 0), ("  a b ", "a b", 6), ("\t\n", "", 2), ("\u{3000}ä\u{a0}", "ä", 3), ("🦀🦀", "🦀🦀", 2)]
    {
        assert_eq!(both(DataType::Utf8, text.into(), |arg| call(Function::Trim, [arg])), Ok(trimmed.into()));
        assert_eq!(both(DataType::Utf8, text.into(), |arg| call(Function::Length, [arg])), Ok(I64(length)));
    }
    assert_eq!(one(&call(Function::Length, [null()])), Ok(Null));
}

#[test]
fn joins() {
    let columns =
        [("a", DataType::Utf8, vec!["x".into(), Null, "".into()]), ("b", DataType::Utf8, vec!["y".into(); 3])];
    let expr = call(Function::Concat, [col("a"), utf8("-"), col("b")]);
    assert_eq!(rows(&expr, &columns), Ok(vec!["x-y".into(), Null, "-y".into()]));
    assert_eq!(one(&call(Function::Concat, [utf8("a"), utf8("b")])), Ok("ab".into()));
    assert_eq!(one(&call(Function::Concat, [utf8("a"), null()])), Ok(Null));
    assert_eq!(one(&call(Function::Concat, [utf8("a")])), Ok("a".into()));
}

#[test]
fn tests_of_parts() {
    for (text, part, starts, ends, contains) in [
        ("abc", "", true, true, true),
        ("", "", true, true, true),
        ("", "a", false, false, false),
        ("abc", "ab", true, false, true),
        ("abc", "bc", false, true, true),
        ("abc", "b", false, false, true),
        ("abc", "ac", false, false, false),
        ("äöü", "ö", false, false, true),
        ("a%", "%", false, true, true),
        ("a.c", "a.c", true, true, true),
        ("abc", "a.c", false, false, false),
    ] {
        for (function, wanted) in
            [(Function::StartsWith, starts), (Function::EndsWith, ends), (Function::Contains, contains)]
        {
            let fixed = both(DataType::Utf8, text.into(), |text| call(function, [text, utf8(part)]));
            assert_eq!(fixed, Ok(Bool(wanted)), "{function:?}('{text}', '{part}')");
            let varying = both(DataType::Utf8, part.into(), |part| call(function, [utf8(text), part]));
            assert_eq!(varying, Ok(Bool(wanted)), "{function:?}('{text}', '{part}'), the part a column");
        }
    }
}

#[test]
fn like_has_no_escape() {
    for (text, pattern, wanted) in [("a\\xb", "a\\%b", true), ("a%b", "a\\%b", false), ("äx", "_x", true)] {
        let fixed = both(DataType::Utf8, text.into(), |text| call(Function::Like, [text, utf8(pattern)]));
        assert_eq!(fixed, Ok(Bool(wanted)), "'{text}' like '{pattern}'");
        let varying = both(DataType::Utf8, pattern.into(), |pattern| call(Function::Like, [utf8(text), pattern]));
        assert_eq!(varying, Ok(Bool(wanted)), "'{text}' like '{pattern}', the pattern a column");
    }
    let columns = [("s", DataType::Utf8, vec!["ab".into(), Null])];
    assert_eq!(rows(&call(Function::Like, [col("s"), utf8("a%")]), &columns), Ok(vec![Bool(true), Null]));
    assert_eq!(rows(&call(Function::Like, [col("s"), null()]), &columns), Ok::<Vec<Val>, _>(vec![Null, Null]));
}
