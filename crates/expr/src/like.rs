//! SQL LIKE patterns: `%` stands for any characters, `_` for exactly one; there is no escape.

use memchr::memmem::Finder;

/// A pattern cut at its `%`s.
pub(crate) struct Pattern {
    segments: Vec<Segment>,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Self {
        Pattern { segments: pattern.split('%').map(Segment::new).collect() }
    }

    /// Whether the whole text matches. The first and last segments are anchored; each one between is taken at its
    /// leftmost place, which leaves the most room to those behind it, so no choice ever has to be undone.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self.segments.as_slice() {
            [] => text.is_empty(),
            [only] => only.strip_prefix_of(text) == Some(""),
            [first, middle @ .., last] => {
                let rest = first.strip_prefix_of(text);
                middle.iter().fold(rest, |rest, segment| segment.find_in(rest?)).is_some_and(|rest| last.ends(rest))
            }
        }
    }
}

/// A piece of a pattern without `%`.
struct Segment {
    text: String,
    chars: usize,
    wild: bool,
    finder: Finder<'static>,
}

impl Segment {
    fn new(text: &str) -> Self {
        Segment {
            text: text.to_owned(),
            chars: text.chars().count(),
            wild: text.contains('_'),
            finder: Finder::new(text).into_owned(),
        }
    }

    /// What follows the segment at the start of `text`.
    fn strip_prefix_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.wild {
            return text.strip_prefix(&self.text);
        }
        let mut rest = text.chars();
        self.text
            .chars()
            .all(|wanted| rest.next().is_some_and(|c| wanted == '_' || wanted == c))
            .then_some(rest.as_str())
    }

    /// What follows the segment at its leftmost place in `text`.
    fn find_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !self.wild {
            return self.finder.find(text.as_bytes()).and_then(|at| text.get(at + self.text.len()..));
        }
        text.char_indices().find_map(|(at, _)| self.strip_prefix_of(text.get(at..)?))
    }

    /// Whether `text` ends with the segment.
    fn ends(&self, text: &str) -> bool {
        if !self.wild {
            return text.ends_with(&self.text);
        }
        let start = text.char_indices().rev().nth(self.chars.saturating_sub(1));
        start.and_then(|(at, _)| text.get(at..)).is_some_and(|tail| self.strip_prefix_of(tail) == Some(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, pattern, matches) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("a", "", false),
            ("a", "%%", true),
            ("ab", "a", false),
            ("ab", "a%", true),
            ("ab", "%b", true),
            ("ab", "%a", false),
            ("aba", "a%a", true),
            ("a", "a%a", false),
            ("äö", "__", true),
            ("äö", "_", false),
            ("a\nb", "a%b", true),
            ("a\nb", "a_b", true),
            ("A", "a", false),
            ("a\\xb", "a\\%b", true),
            ("a%b", "a\\%b", false),
            ("abcabd", "%ab_", true),
            ("abcabd", "%a_d", true),
            ("abcabd", "a_c%d", true),
            ("xaybzc", "%a_b%c", true),
            ("xaybz", "%a_b%c", false),
            ("aaa", "%a_a%", true),
            ("aa", "%a_a%", false),
            ("[a]", "[a]", true),
            ("a.c", "a.c", true),
            ("abc", "a.c", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), matches, "'{text}' like '{pattern}'");
        }
    }
}
