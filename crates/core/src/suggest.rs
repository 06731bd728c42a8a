//! Unknown columns, and what the user may have meant.

use crate::{Code, Error};

/// How many columns a message lists when none is close.
const MAX_LISTED: usize = 12;

/// `HR_UNKNOWN_COLUMN` with the closest column, or else the list of columns.
pub fn unknown_column<'a>(name: &str, columns: impl IntoIterator<Item = &'a str> + Clone) -> Error {
    suggest_column(Error::new(Code::UnknownColumn, format!("there is no column '{name}'")), name, columns)
}

/// An error about a column that is not there, with the closest column, or else the list of columns, as its hint.
pub fn suggest_column<'a>(error: Error, name: &str, columns: impl IntoIterator<Item = &'a str> + Clone) -> Error {
    if let Some(close) = closest(name, columns.clone()) {
        return error.hint(format!("Did you mean '{close}'?"));
    }
    let all: Vec<_> = columns.into_iter().collect();
    let listed: Vec<_> = all.iter().take(MAX_LISTED).map(|column| format!("'{column}'")).collect();
    error.hint(match all.len() {
        0 => "The input has no columns.".to_owned(),
        count if count > MAX_LISTED => {
            format!("The columns are {} and {} more.", listed.join(", "), count - MAX_LISTED)
        }
        _ => format!("The columns are {}.", listed.join(", ")),
    })
}

/// The candidate that differs least from `name`, if it differs by a third of its characters at most; case is ignored.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.chars().count().max(wanted.len()) / 3).max(1))
        .filter(|(edits, candidate)| *edits < candidate.chars().count())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

// Edit distance with transpositions of neighbours as one edit (optimal string alignment), O(|a|·|b|).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_and_wrong_case() {
        let columns = ["date", "delay", "distance", "origin", "destination"];
        for (typed, meant) in [("delya", "delay"), ("Origin", "origin"), ("distanc", "distance"), ("dete", "date")] {
            assert_eq!(closest(typed, columns), Some(meant), "{typed}");
        }
        assert_eq!(closest("price", columns), None);
        assert_eq!(closest("x", ["y", "xy"]), Some("xy"));
    }

    #[test]
    fn lists_the_columns_when_none_is_close() {
        let error = unknown_column("price", ["a", "b"]);
        assert_eq!(error.code(), Code::UnknownColumn);
        assert_eq!(error.to_string(), "HR_UNKNOWN_COLUMN: there is no column 'price'. The columns are 'a', 'b'.");
        let many: Vec<String> = (0..20).map(|index| format!("column{index}")).collect();
        let error = unknown_column("price", many.iter().map(String::as_str));
        assert!(error.to_string().ends_with("'column11' and 8 more."), "{error}");
        assert!(unknown_column("price", []).to_string().ends_with("The input has no columns."));
    }
}
