//! The likeliest tokens of a row, without sorting it.

use crate::row::key;

/// Room for so many keys at least, so that few of the likeliest do not have to be selected all the time.
const ROOM_MIN: usize = 256;

/// Puts the [`key`]s of the `count` likeliest tokens into `keys`, in any order. A token gets in if it is likelier than those that
/// were left at the last selection; one selection costs what it throws out. O(tokens).
pub(crate) fn select(logits: &[f32], count: usize, keys: &mut Vec<u64>) {
    keys.clear();
    let room = (2 * count).max(ROOM_MIN);
    let mut least = 0;
    for (token, &logit) in logits.iter().enumerate() {
        let key = key(logit, token as u32);
        if key <= least {
            continue;
        }
        keys.push(key);
        if keys.len() == room {
            least = keep(keys, count);
        }
    }
    keep(keys, count);
}

/// Keeps the `count` greatest keys; the least of them.
fn keep(keys: &mut Vec<u64>, count: usize) -> u64 {
    if count == 0 || keys.len() <= count {
        keys.truncate(count);
        return 0;
    }
    let (_, &mut least, _) = keys.select_nth_unstable_by(count - 1, |one, other| other.cmp(one));
    keys.truncate(count);
    least
}
