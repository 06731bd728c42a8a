//! Who shares blocks with whom, and who must not.

use headrace_core::Code;

use super::examples::{SALT, computed, manager, reserve};
use crate::{BlockManager, Options};

/// Computes prompts of `known` tokens as a simple scheduler would: in rows of at most `chunk`, and who has a leader waits.
/// Returns the number of runs.
fn prefill(manager: &mut BlockManager, mut waiting: Vec<u32>, known: u32, chunk: u32) -> usize {
    let mut runs = 0;
    while !waiting.is_empty() {
        let probe = manager.probe(&waiting).unwrap();
        let ready = (0..waiting.len()).filter(|&at| probe.leaders[at] == 0);
        let (rows, counts): (Vec<u32>, Vec<u32>) =
            ready.map(|at| (waiting[at], chunk.min(known - probe.cached[at]))).unzip();
        assert!(!rows.is_empty(), "all wait for each other");
        let run = reserve(manager, &rows, &counts);
        manager.commit(run.run, &run.counts, &vec![0; rows.len()], &[]).unwrap();
        waiting.retain(|&number| manager.probe(&[number]).unwrap().cached[0] < known);
        runs += 1;
    }
    runs
}

#[test]
fn requests_that_arrive_together_compute_their_prefix_once() {
    let mut manager = manager(200, 16);
    let prompts = (0..8).map(|request| (0..512).chain([1000 + request; 16]).collect::<Vec<u32>>());
    let waiting: Vec<u32> = prompts.map(|tokens| manager.open(&tokens, 600, SALT).unwrap()).collect();
    let runs = prefill(&mut manager, waiting, 528, 256);
    assert_eq!(manager.counters().computed, 512 + 8 * 16);
    // Two runs for the prefix; in the third all join with their own sixteen tokens.
    assert_eq!((runs, manager.usage().used), (3, 32 + 8));
}

#[test]
fn equal_prompts_of_whole_blocks_do_not_wait_for_the_block_that_they_must_compute() {
    let mut manager = manager(50, 4);
    let tokens: Vec<u32> = (0..8).collect();
    let [first, second] = [(); 2].map(|()| manager.open(&tokens, 20, SALT).unwrap());
    assert_eq!(manager.probe(&[first, second]).unwrap().leaders, [0, first]);
    let run = reserve(&mut manager, &[first], &[4]);
    manager.commit(run.run, &[4], &[0], &[]).unwrap();
    assert_eq!(manager.probe(&[first, second]).unwrap().leaders, [0, 0]);
}

#[test]
fn who_was_preempted_is_waited_for_no_longer() {
    let mut manager = manager(50, 2);
    let [first, second] = [3, 4].map(|last| manager.open(&[1, 1, 1, 1, 2, 2, last], 20, SALT).unwrap());
    let run = reserve(&mut manager, &[first], &[2]);
    manager.commit(run.run, &[2], &[0], &[]).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap().leaders, [first]);
    manager.release(&[first]).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap(), crate::Probe { cached: vec![2], idle: vec![1], leaders: vec![0] });
    // Two that hold blocks and need the same one: the later waits for the earlier, not the other way round.
    let run = reserve(&mut manager, &[second, first], &[2, 2]);
    manager.commit(run.run, &[2, 2], &[0, 0], &[]).unwrap();
    assert_eq!(manager.probe(&[first, second]).unwrap().leaders, [second, 0]);
}

#[test]
fn in_the_middle_of_a_block_nobody_waits_for_the_rest_of_it() {
    let mut manager = manager(50, 4);
    let [first, second] = [8, 9].map(|last| manager.open(&[1, 1, 1, 1, 1, 1, 1, 1, last], 20, SALT).unwrap());
    let run = reserve(&mut manager, &[first, second], &[1, 2]);
    manager.commit(run.run, &[1, 2], &[0, 0], &[]).unwrap();
    // The second needs all of its first block before it can take hold of one that the first has computed.
    assert_eq!(manager.probe(&[first, second]).unwrap().leaders, [0, 0]);
    let run = reserve(&mut manager, &[second], &[2]);
    manager.commit(run.run, &[2], &[0], &[]).unwrap();
    assert_eq!(manager.probe(&[first, second]).unwrap().leaders, [0, first]);
}

#[test]
fn other_salts_never_share() {
    let mut manager = manager(50, 2);
    let tokens = [1, 2, 3, 4, 5];
    let first = computed(&mut manager, &tokens);
    let mut salt = SALT;
    salt[31] ^= 1;
    let second = manager.open(&tokens, 10, salt).unwrap();
    let probe = manager.probe(&[first, second]).unwrap();
    assert_eq!((probe.cached, probe.leaders), (vec![5, 0], vec![0, 0]));
    let run = reserve(&mut manager, &[second], &[5]);
    assert_eq!(run.starts, [0]);
    manager.commit(run.run, &[5], &[0], &[]).unwrap();
    assert_eq!(manager.usage().used, 6);
    // One name for all: the salt itself is compared.
    manager.name = |_, _| [0; 32];
    let third = manager.open(&tokens, 10, [9; 32]).unwrap();
    assert_eq!(manager.probe(&[third]).unwrap().cached, [0]);
}

#[test]
fn a_collision_never_shares() {
    let mut manager = manager(50, 2);
    manager.name = |_, _| [0; 32];
    let first = computed(&mut manager, &[1, 1, 3, 3, 5]);
    // The second block has the same tokens, but not the same block before it.
    let second = manager.open(&[2, 2, 3, 3, 5], 10, SALT).unwrap();
    assert_eq!(manager.probe(&[second]).unwrap().cached, [0]);
    let run = reserve(&mut manager, &[second], &[5]);
    manager.commit(run.run, &[5], &[0], &[]).unwrap();
    assert_eq!((manager.usage().used, manager.counters().duplicates), (6, 0));
    manager.close(&[first, second]).unwrap();
    for tokens in [[1, 1, 3, 3, 6], [2, 2, 3, 3, 6]] {
        let again = manager.open(&tokens, 10, SALT).unwrap();
        assert_eq!(manager.probe(&[again]).unwrap().cached, [4]);
    }
}

#[test]
fn the_same_block_computed_twice_in_one_run_is_kept_once() {
    let mut manager = manager(50, 2);
    let [first, second] = [8, 9].map(|last| manager.open(&[1, 2, 3, 4, last], 10, SALT).unwrap());
    let run = reserve(&mut manager, &[first, second], &[5, 5]);
    manager.commit(run.run, &[5, 5], &[0, 0], &[]).unwrap();
    let tables = [first, second].map(|number| manager.export(number).unwrap().blocks);
    assert_eq!(tables[0], tables[1]);
    assert_eq!((manager.usage().used, manager.counters().duplicates), (4, 2));
}

#[test]
fn choices_share_all_but_what_they_write() {
    let mut manager = manager(50, 4);
    let first = computed(&mut manager, &[1, 2, 3, 4, 5, 6]);
    let choices: Vec<u32> = (0..3).map(|choice| manager.fork(first, 6, &[choice]).unwrap()).collect();
    manager.close(&[first]).unwrap();
    assert_eq!(manager.usage().used, 2);
    let run = reserve(&mut manager, &choices, &[1; 3]);
    // The last one alone with the block writes in place.
    assert_eq!((run.copies, manager.usage().used), (vec![2, 3, 2, 4], 4));
    assert_eq!((run.tables, run.slots), (vec![1, 3, 1, 4, 1, 2], vec![3 * 4 + 2, 4 * 4 + 2, 2 * 4 + 2]));
    manager.roll_back(run.run, false).unwrap();
    assert_eq!((manager.usage().used, manager.counters().copies), (2, 0));
    let run = reserve(&mut manager, &choices, &[1; 3]);
    manager.commit(run.run, &[1; 3], &[1; 3], &[4, 5, 6]).unwrap();
    assert_eq!(manager.counters().copies, 2);
}

#[test]
fn a_copy_that_is_rolled_back_costs_no_content_that_another_one_continues() {
    let mut manager = manager(5, 2);
    let gone = computed(&mut manager, &[1, 2, 3, 4]);
    let first = computed(&mut manager, &[5, 5, 6]);
    let second = manager.fork(first, 3, &[7]).unwrap();
    manager.close(&[gone]).unwrap();
    let new = manager.open(&[8, 8], 4, SALT).unwrap();
    let run = reserve(&mut manager, &[new, second], &[2, 1]);
    // The copy lies over the second block of the sequence that is gone, and not over the first.
    assert_eq!(run.copies, [4, 2]);
    manager.roll_back(run.run, false).unwrap();
    let again = manager.open(&[1, 2, 3, 4, 5], 8, SALT).unwrap();
    assert_eq!((manager.probe(&[again]).unwrap().cached, manager.usage().cached), (vec![2], 1));
}

#[test]
fn exported_blocks_are_found_where_they_are_imported() {
    let (mut here, mut there) = (manager(50, 4), manager(20, 4));
    let tokens: Vec<u32> = (0..14).collect();
    let sequence = computed(&mut here, &tokens);
    let exported = here.export(sequence).unwrap();
    assert_eq!((&exported.blocks, &exported.tokens[..]), (&vec![1, 2, 3], &tokens[..12]));

    // The first block is there already; the bytes of the other two are written to the slots.
    computed(&mut there, &tokens[..5]);
    let imported = there.import(&exported.tokens, &exported.names, 12, SALT).unwrap();
    let run = reserve(&mut there, &[imported], &[12]);
    assert_eq!((run.starts, run.tables), (vec![4], vec![1, 3, 4]));
    there.commit(run.run, &[8], &[0], &[]).unwrap();
    assert_eq!(there.export(imported).unwrap().names, exported.names);
    there.close(&[imported]).unwrap();
    let same = there.open(&tokens, 20, SALT).unwrap();
    assert_eq!(there.probe(&[same]).unwrap().cached, [12]);

    let mut damaged = exported.tokens.clone();
    damaged[5] ^= 1;
    let bad = [(&damaged[..], SALT), (&exported.tokens[..11], SALT), (&exported.tokens[..], [0; 32])];
    for (tokens, salt) in bad {
        let error = there.import(tokens, &exported.names, 12, salt).unwrap_err();
        assert_eq!(error.code(), Code::DataCorrupt, "{error}");
    }
}

#[test]
fn without_a_prefix_cache_only_forks_share() {
    let options = Options { prefix_cache: false, ..manager(50, 2).options() };
    let mut manager = BlockManager::new(options).unwrap();
    let first = computed(&mut manager, &[1, 2, 3, 4, 5]);
    let second = manager.open(&[1, 2, 3, 4, 5], 10, SALT).unwrap();
    let probe = manager.probe(&[first, second]).unwrap();
    assert_eq!((probe.cached, probe.leaders), (vec![5, 0], vec![0, 0]));
    manager.close(&[first]).unwrap();
    assert_eq!((manager.usage().free, manager.usage().cached), (49, 0));
}
