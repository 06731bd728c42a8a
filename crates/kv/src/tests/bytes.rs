//! What is written and copied, beside loops over single numbers.

use super::property::{Random, for_seeds};
use crate::{Layout, Scattered};

/// A run over a pool whose numbers are all different from each other.
struct Case {
    layout: Layout,
    blocks: usize,
    width: usize,
    counts: Vec<u32>,
    kept: Vec<u32>,
    slots: Vec<i32>,
    pool: Vec<f32>,
    new: Vec<f32>,
}

impl Case {
    fn new(random: &mut Random) -> Self {
        let layout = Layout { parts: 1 + random.below(6), block_tokens: 1 + random.below(5), dim: 1 + random.below(4) };
        let (rows, width, blocks) = (random.below(5), 1 + random.below(7), 2 + random.below(12));
        let counts: Vec<u32> = (0..rows).map(|_| random.below(width + 1) as u32).collect();
        let kept = counts.iter().map(|&count| random.below(count as usize + 1) as u32).collect();
        let positions: u32 = counts.iter().sum();
        let slot = |_| (layout.block_tokens + random.below((blocks - 1) * layout.block_tokens)) as i32;
        let slots = (0..positions).map(slot).collect();
        let len = layout.parts * layout.block_tokens * layout.dim;
        let pool = (0..blocks * len).map(|at| -1.0 - at as f32).collect();
        let new = (0..rows * width * layout.parts * layout.dim).map(|at| at as f32).collect();
        Case { layout, blocks, width, counts, kept, slots, pool, new }
    }

    fn scattered(&self) -> Scattered<'_> {
        Scattered { width: self.width, counts: &self.counts, kept: &self.kept, slots: &self.slots }
    }

    /// Number by number, with every index written out.
    fn expected(&self) -> Vec<f32> {
        let Layout { parts, block_tokens, dim } = self.layout;
        let mut pool = self.pool.clone();
        let mut position = 0;
        for row in 0..self.counts.len() {
            for index in 0..self.counts[row] as usize {
                let slot = self.slots[position] as usize;
                position += 1;
                if index >= self.kept[row] as usize {
                    continue;
                }
                for part in 0..parts {
                    for at in 0..dim {
                        let to = ((slot / block_tokens * parts + part) * block_tokens + slot % block_tokens) * dim + at;
                        pool[to] = self.new[((row * self.width + index) * parts + part) * dim + at];
                    }
                }
            }
        }
        pool
    }
}

#[test]
fn scatter_writes_what_a_loop_writes() {
    let mut written = 0;
    let runs = for_seeds(2_000, "scatter_writes", |seed| {
        let mut case = Case::new(&mut Random::new(seed));
        let expected = case.expected();
        let mut pool = case.pool.clone();
        case.layout.scatter(&mut pool, &case.new, &case.scattered()).unwrap();
        assert_eq!(pool, expected);
        written += usize::from(pool != case.pool);

        // Whatever is wrong, nothing is written.
        let mut wrong = |case: &Case, new: &[f32]| {
            pool.clone_from(&case.pool);
            assert!(case.layout.scatter(&mut pool, new, &case.scattered()).is_err());
            assert_eq!(pool, case.pool);
        };
        wrong(&case, &[&case.new[..], &[0.0]].concat());
        case.slots.push(case.layout.block_tokens as i32);
        wrong(&case, &case.new);
        case.slots.pop();
        if let Some(row) = case.kept.iter().position(|&kept| kept > 0) {
            let first: usize = case.counts[..row].iter().map(|&count| count as usize).sum();
            let sound = case.slots[first];
            let outside = case.blocks * case.layout.block_tokens;
            for slot in [-1, case.layout.block_tokens as i32 - 1, outside as i32, i32::MIN, i32::MAX] {
                case.slots[first] = slot;
                wrong(&case, &case.new);
            }
            case.slots[first] = sound;
            case.kept[row] = case.counts[row] + 1;
            wrong(&case, &case.new);
        }
        case.kept.push(0);
        wrong(&case, &case.new);
    });
    assert!(runs < 2_000 || written > 1_000, "{written} cases wrote something");
}

#[test]
fn rows_wider_than_the_results_are_refused() {
    let layout = Layout { parts: 1, block_tokens: 4, dim: 1 };
    let rows = Scattered { width: 1, counts: &[2, 0], kept: &[2, 0], slots: &[4, 5] };
    assert!(layout.scatter(&mut [0; 8], &[1, 2], &rows).is_err());
    let endless = Scattered { width: usize::MAX, counts: &[1, 1, 1], kept: &[1, 1, 1], slots: &[4, 5, 6] };
    assert!(layout.scatter(&mut [0; 8], &[1], &endless).is_err());
}

#[test]
fn layouts_of_nothing_and_pools_of_no_whole_blocks_are_refused() {
    let sound = Layout { parts: 2, block_tokens: 4, dim: 3 };
    for wrong in [
        Layout { parts: 0, ..sound },
        Layout { block_tokens: 0, ..sound },
        Layout { dim: 0, ..sound },
        Layout { parts: usize::MAX, ..sound },
    ] {
        assert!(wrong.block_len().is_err());
        assert!(wrong.copy_blocks(&mut [0; 48], &[]).is_err());
    }
    assert!(sound.copy_blocks(&mut [0; 47], &[]).is_err());
    assert!(sound.copy_blocks(&mut [0; 48], &[]).is_ok());
}

#[test]
fn copies_copy_blocks_in_turn() {
    for_seeds(500, "copies_copy", |seed| {
        let mut random = Random::new(seed);
        let Case { layout, blocks, pool, .. } = Case::new(&mut random);
        let len = layout.block_len().unwrap();
        let copies: Vec<i32> = (0..2 * random.below(5)).map(|_| 1 + random.below(blocks - 1) as i32).collect();
        let mut expected = pool.clone();
        for pair in copies.chunks(2) {
            for at in 0..len {
                expected[pair[1] as usize * len + at] = expected[pair[0] as usize * len + at];
            }
        }
        let mut copied = pool.clone();
        layout.copy_blocks(&mut copied, &copies).unwrap();
        assert_eq!(copied, expected);
        for wrong in [vec![1], vec![1, 0], vec![0, 1], vec![-1, 1], vec![1, blocks as i32]] {
            let mut copied = pool.clone();
            assert!(layout.copy_blocks(&mut copied, &[&copies[..], &wrong].concat()).is_err());
            assert_eq!(copied, pool);
        }
    });
}
