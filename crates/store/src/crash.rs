//! Crash points: named places at which a test makes the process die, or one operator panic.

use std::process::abort;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which crash point ends the process: `NAME` at its first hit, or `NAME:N` at its N-th.
const VARIABLE: &str = "HEADRACE_CRASH_POINT";

struct Armed {
    name: String,
    hits_left: AtomicU64,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// Aborts the process, as suddenly as a kill, if the environment variable `HEADRACE_CRASH_POINT` names this point;
/// `between-renames:3` means its third hit. For tests only: the variable is read once, and without it the call costs
/// one load and a branch.
pub fn crash_point(name: &str) {
    let armed = ARMED.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| parse(&text)));
    if let Some(armed) = armed
        && armed.name == name
        && armed.hits_left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        abort();
    }
}

/// The uid of the operator that panics.
const PANIC_VARIABLE: &str = "HEADRACE_PANIC_IN";

static PANICKING: OnceLock<Option<String>> = OnceLock::new();

/// Panics if the environment variable `HEADRACE_PANIC_IN` is the uid of this operator. For tests only, at the price of
/// [`crash_point`].
///
/// # Panics
/// That is what it is for.
pub fn panic_point(uid: &str) {
    let panicking = PANICKING.get_or_init(|| std::env::var(PANIC_VARIABLE).ok());
    if let Some(named) = panicking {
        assert_ne!(named, uid, "{PANIC_VARIABLE} names this operator");
    }
}

fn parse(text: &str) -> Option<Armed> {
    let (name, hit) = match text.split_once(':') {
        Some((name, hit)) => (name, hit.parse().ok().filter(|hit| *hit > 0)?),
        None => (text, 1),
    };
    Some(Armed { name: name.to_owned(), hits_left: AtomicU64::new(hit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_point_and_a_hit() {
        let parsed = |text| parse(text).map(|armed| (armed.name, armed.hits_left.into_inner()));
        assert_eq!(parsed("before-manifest"), Some(("before-manifest".to_owned(), 1)));
        assert_eq!(parsed("between-renames:3"), Some(("between-renames".to_owned(), 3)));
        assert_eq!(parsed("between-renames:0"), None);
        assert_eq!(parsed("between-renames:often"), None);
    }
}
