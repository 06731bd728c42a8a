//! Single rules, with the numbers written out.

use headrace_core::Code;

use crate::{BlockManager, Options, Reservation, Reserved, Salt, name_block};

pub(super) const SALT: Salt = [7; 32];

pub(super) fn manager(blocks: u32, block_tokens: u32) -> BlockManager {
    let options = Options { blocks, block_tokens, sequences: 64, watermark: 0, prefix_cache: true };
    BlockManager::new(options).unwrap()
}

pub(super) fn reserve(manager: &mut BlockManager, sequences: &[u32], counts: &[u32]) -> Reservation {
    match manager.reserve(sequences, counts).unwrap() {
        Reserved::Run(run) => run,
        Reserved::Short(missing) => panic!("{missing} blocks are missing"),
    }
}

/// Opens a sequence and computes all its tokens in one run.
pub(super) fn computed(manager: &mut BlockManager, tokens: &[u32]) -> u32 {
    let Options { blocks, block_tokens, .. } = manager.options();
    let limit = (tokens.len() as u32 + 8).min((blocks - 1) * block_tokens);
    let sequence = manager.open(tokens, limit, SALT).unwrap();
    let run = reserve(manager, &[sequence], &[tokens.len() as u32]);
    manager.commit(run.run, &run.counts, &[0], &[]).unwrap();
    sequence
}

#[test]
fn what_a_finished_sequence_leaves_is_used_from_its_tail_and_shared_roots_last() {
    let mut manager = manager(11, 2);
    // Three full blocks and a partly filled one; another goes on from the second of them.
    let first = computed(&mut manager, &[1, 2, 3, 4, 5, 6, 7]);
    let second = computed(&mut manager, &[1, 2, 3, 4, 8, 8, 8]);
    assert_eq!(manager.pool.free_order(), [7, 8, 9, 10]);
    // Its own last block has no content and is used at once; block 3 follows what was free before.
    manager.close(&[first]).unwrap();
    assert_eq!(manager.pool.free_order(), [4, 7, 8, 9, 10, 3]);
    manager.close(&[second]).unwrap();
    assert_eq!(manager.pool.free_order(), [6, 4, 7, 8, 9, 10, 3, 5, 2, 1]);
    assert_eq!(manager.usage().cached, 4);

    // A run of eight blocks takes the two that nothing continues, and the shared ones are still found.
    let other = computed(&mut manager, &[9; 16]);
    assert_eq!((manager.usage().cached, manager.counters().evictions), (2, 2));
    manager.close(&[other]).unwrap();
    let again = manager.open(&[1, 2, 3, 4, 5, 6, 7], 7, SALT).unwrap();
    assert_eq!(manager.probe(&[again]).unwrap().cached, [4]);
}

#[test]
fn sums_never_fall() {
    let mut manager = manager(9, 2);
    let first = computed(&mut manager, &[1, 2, 3, 4, 5]);
    let before = manager.counters();
    let second = manager.open(&[1, 2, 3, 4, 6], 8, SALT).unwrap();
    let run = reserve(&mut manager, &[second], &[5]);
    // What is asked meanwhile must not know of hits that a rollback takes back.
    assert_eq!(manager.counters(), before);
    manager.roll_back(run.run, false).unwrap();
    assert_eq!(manager.counters(), before);
    manager.close(&[first, second]).unwrap();
}

#[test]
fn at_most_all_but_the_last_token_are_found() {
    let mut manager = manager(64, 16);
    let tokens: Vec<u32> = (0..64).collect();
    let whole = computed(&mut manager, &tokens);
    manager.close(&[whole]).unwrap();
    for (length, cached) in [(1, 0), (15, 0), (16, 0), (17, 16), (31, 16), (32, 16), (33, 32), (64, 48)] {
        let sequence = manager.open(&tokens[..length], 80, SALT).unwrap();
        assert_eq!(manager.probe(&[sequence]).unwrap().cached, [cached], "of {length} tokens");
        let run = reserve(&mut manager, &[sequence], &[length as u32]);
        assert_eq!((run.starts[0], run.counts[0]), (cached, length as u32 - cached));
        manager.commit(run.run, &run.counts, &[1], &[9]).unwrap();
        manager.close(&[sequence]).unwrap();
    }
    assert_eq!(manager.counters().duplicates, 3, "of 16, 32 and 64 tokens the last block is computed again");
}

#[test]
fn a_block_is_found_only_after_its_commit_and_only_what_was_kept() {
    let mut manager = manager(10, 4);
    let tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let [first, second] = [(); 2].map(|()| manager.open(&tokens, 12, SALT).unwrap());
    let run = reserve(&mut manager, &[first], &[9]);
    assert_eq!(manager.probe(&[second]).unwrap().cached, [0], "reserved");
    manager.roll_back(run.run, true).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap().cached, [0], "rolled back");

    // The logits of the first row are not finite: it keeps nothing, and the other row does not notice.
    let other = manager.open(&[5, 5, 5, 5, 5], 12, SALT).unwrap();
    let run = reserve(&mut manager, &[first, other], &[9, 5]);
    manager.commit(run.run, &[0, 5], &[0, 1], &[3]).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap().cached, [0], "failed");
    assert_eq!((manager.usage().used, manager.usage().free), (2, 7));

    let run = reserve(&mut manager, &[first], &[6]);
    manager.commit(run.run, &[6], &[0], &[]).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap().cached, [4], "a block and a half are computed");
}

#[test]
fn a_rollback_brings_evicted_contents_back_unless_bytes_were_written() {
    for (written, cached, evictions) in [(false, 3, 0), (true, 0, 3)] {
        let mut manager = manager(4, 2);
        let first = computed(&mut manager, &[1, 2, 3, 4, 5, 6]);
        manager.close(&[first]).unwrap();
        let before = manager.pool.free_order();
        let other = manager.open(&[9; 6], 6, SALT).unwrap();
        let run = reserve(&mut manager, &[other], &[6]);
        assert_eq!((manager.usage().free, manager.usage().cached), (0, 0));
        manager.roll_back(run.run, written).unwrap();
        assert_eq!(manager.pool.free_order(), before);
        assert_eq!((manager.usage().cached, manager.counters().evictions), (cached, evictions));
    }
}

#[test]
fn a_full_pool_is_used_to_its_last_block_and_says_what_is_missing() {
    let mut manager = manager(5, 2);
    let first = computed(&mut manager, &[1, 2, 3, 4]);
    let second = computed(&mut manager, &[5, 6, 7, 8]);
    assert_eq!(manager.usage().free, 0);
    let before = manager.counters();
    let third = manager.open(&[9; 5], 8, SALT).unwrap();
    assert_eq!(manager.reserve(&[third, second], &[5, 1]).unwrap(), Reserved::Short(4));
    assert_eq!((manager.counters(), manager.usage().used), (before, 4));
    // The last one admitted is preempted; what the first does not take of it is found when it comes back.
    assert_eq!(manager.release(&[second]).unwrap(), 2);
    let run = reserve(&mut manager, &[first], &[1]);
    manager.commit(run.run, &[1], &[2], &[1, 1]).unwrap();
    assert_eq!(manager.reserve(&[second], &[4]).unwrap(), Reserved::Short(1));
    manager.close(&[first]).unwrap();
    let run = reserve(&mut manager, &[second], &[4]);
    assert_eq!((run.starts, run.counts), (vec![2], vec![2]));
}

#[test]
fn admission_leaves_the_watermark_free_while_others_hold_blocks() {
    let options = Options { blocks: 8, block_tokens: 1, sequences: 4, watermark: 3, prefix_cache: true };
    let mut manager = BlockManager::new(options).unwrap();
    let first = manager.open(&[1; 5], 7, SALT).unwrap();
    let second = manager.open(&[2; 5], 7, SALT).unwrap();
    let run = reserve(&mut manager, &[first], &[5]);
    manager.commit(run.run, &[5], &[1], &[1]).unwrap();
    assert_eq!(manager.reserve(&[second], &[1]).unwrap(), Reserved::Short(2));
    let run = reserve(&mut manager, &[first], &[2]);
    manager.commit(run.run, &[2], &[1], &[1]).unwrap();
    assert_eq!(manager.usage().free, 0, "who runs may use all blocks");
}

#[test]
fn drafts_that_were_not_accepted_leave_nothing() {
    let mut manager = manager(10, 2);
    let sequence = manager.open(&[1, 2, 3], 12, SALT).unwrap();
    let run = reserve(&mut manager, &[sequence], &[3 + 4]);
    assert_eq!(manager.usage().used, 4);
    // The prompt and one draft are right; the target's own token follows.
    manager.commit(run.run, &[4], &[2], &[8, 9]).unwrap();
    assert_eq!((manager.usage().used, manager.counters().computed), (2, 4));
    let same = manager.open(&[1, 2, 3, 8, 9], 12, SALT).unwrap();
    assert_eq!(manager.probe(&[same]).unwrap().cached, [4]);
}

#[test]
fn names_are_the_digests_of_tokens_and_all_before() {
    // Python: sha256(b"\7" * 32 + pack("<3I", 1, 2, 3_000_000_000)), and the same with that digest in the salt's place.
    let first = name_block(&SALT, &[1, 2, 3_000_000_000]);
    let second = name_block(&first, &[1, 2, 3_000_000_000]);
    let long = name_block(&SALT, &(0..100).collect::<Vec<u32>>());
    let hex = |name: [u8; 32]| name.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex(first), "08ffbd9df41504f759e531a71c911bf4c466dae51f1ba0d0e5468db5e2e13fa6");
    assert_eq!(hex(second), "e850e550d4cc8b716160d41bf89d387c5945bd475714f5449ded7d1d5052310e");
    assert_eq!(hex(long), "3241910972ea7dd5f861f89f8ea2385e25bd13686867dab1b5839d0e21d15648");
}

#[test]
fn what_can_never_fit_is_refused_at_the_door() {
    let mut manager = manager(5, 4);
    assert_eq!(manager.open(&[1], 17, SALT).unwrap_err().code(), Code::KvCapacity);
    let all: Vec<u32> = (0..64).map(|_| manager.open(&[1], 16, SALT).unwrap()).collect();
    assert_eq!(manager.open(&[1], 16, SALT).unwrap_err().code(), Code::KvCapacity);
    manager.close(&all).unwrap();
    let again = manager.open(&[1], 16, SALT).unwrap();
    assert!(!all.contains(&again), "numbers are not given again soon");
    assert!(manager.close(&all[..1]).is_err());

    let good = manager.options();
    let bad = [
        Options { blocks: 1, ..good },
        Options { blocks: 1 << 30, ..good },
        Options { block_tokens: 0, ..good },
        Options { block_tokens: 1025, ..good },
        Options { sequences: 0, ..good },
        Options { sequences: 65_536, ..good },
        Options { watermark: 4, ..good },
    ];
    for options in bad {
        assert_eq!(BlockManager::new(options).unwrap_err().code(), Code::OptionInvalid, "{options:?}");
    }
}
