//! Lists of ranges: neighbours as one, and what is in one list and not in another.

use std::ops::Range;

/// Ranges that are in order, those that touch each other as one. O(ranges).
pub(crate) fn joined(ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => all.push(range),
        }
    }
    all
}

/// The parts of `all` that are in none of `but`. Both are in order and do not overlap themselves. O(all + but).
pub(crate) fn outside(all: &[Range<usize>], but: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut others = but.iter().peekable();
    for range in all {
        let mut from = range.start;
        while let Some(other) = others.peek().filter(|other| other.start < range.end) {
            if from < other.start {
                parts.push(from..other.start);
            }
            from = from.max(other.end);
            // One that goes on beyond this range may also lie in the next.
            if other.end > range.end {
                break;
            }
            others.next();
        }
        if from < range.end {
            parts.push(from..range.end);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one() {
        assert_eq!(joined([1..2, 2..4, 5..6, 6..7, 9..10]), [1..4, 5..7, 9..10]);
    }

    #[test]
    fn equals_counting_one_by_one() {
        // Every pair of lists over ten places, as bits.
        for all in 0..1_u32 << 10 {
            for but in (0..1_u32 << 10).step_by(7) {
                let expected = ranges(all & !but);
                let found = joined(outside(&ranges(all), &ranges(but)));
                assert_eq!(found, expected, "{all:b} but {but:b}");
            }
        }
    }

    fn ranges(bits: u32) -> Vec<Range<usize>> {
        joined((0..10).filter(|at| bits >> at & 1 == 1).map(|at| at..at + 1))
    }
}
