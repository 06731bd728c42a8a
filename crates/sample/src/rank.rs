//! The likeliest tokens of a row, without sorting it.

use crate::row::{ends, key, rank, rank_of};

/// Room for so many keys at least, so that few of the likeliest do not have to be selected all the time.
const ROOM_MIN: usize = 32;

/// So many logits are passed over together if the greatest of them is not likely enough.
const CHUNK: usize = 128;

/// Puts the [`key`]s of the `count` likeliest tokens into `keys`, in any order. A token gets in if it is likelier than those that
/// were left at the last selection; a selection costs no more than what it throws out. O(tokens).
pub(crate) fn select(logits: &[f32], count: usize, keys: &mut Vec<u64>) {
    keys.clear();
    let room = (2 * count).max(ROOM_MIN);
    // An equal one that comes later is not likelier.
    let mut least = i32::MIN;
    for (at, chunk) in logits.chunks(CHUNK).enumerate() {
        if ends(chunk).greatest <= least {
            continue;
        }
        for (token, &logit) in (at * CHUNK..).zip(chunk) {
            if rank(logit) <= least {
                continue;
            }
            keys.push(key(logit, token as u32));
            if keys.len() == room {
                keep(keys, count);
                least = keys.iter().map(|&key| rank_of(key)).min().unwrap_or(i32::MAX);
            }
        }
    }
    keep(keys, count);
}

/// Keeps the `count` greatest keys.
fn keep(keys: &mut Vec<u64>, count: usize) {
    if count > 0 && keys.len() > count {
        keys.select_nth_unstable_by(count - 1, |one, other| other.cmp(one));
    }
    keys.truncate(count);
}
