//! The names a user may have meant.

/// At most this many names are suggested.
const MOST: usize = 3;

/// The candidates within a third of the name's length (at least 2) in edits, nearest first, at most three.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).max(2);
    let mut found: Vec<_> = candidates.map(|candidate| (distance(name, candidate), candidate)).collect();
    found.retain(|(edits, _)| *edits <= limit);
    found.sort_unstable();
    found.into_iter().take(MOST).map(|(_, candidate)| candidate).collect()
}

/// The Levenshtein distance, ignoring case, by the algorithm of Wagner and Fischer (J. ACM 21, 1974) with one row;
/// O(|a|·|b|).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("Delay", "delay"), 0);
    }

    #[test]
    fn the_nearest_comes_first_and_strangers_not_at_all() {
        let columns = ["destination", "delay", "delays", "origin"];
        assert_eq!(nearest("dealy", columns.into_iter()), ["delay"]);
        assert_eq!(nearest("delayz", columns.into_iter()), ["delay", "delays"]);
        assert!(nearest("temperature", columns.into_iter()).is_empty());
    }
}
