//! Observed disorder against exact order statistics, and which row is named when most rows are late.

use arrow_array::TimestampMicrosecondArray;
use headrace_core::Origin;

use super::*;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;

/// A small generator of random numbers (SplitMix64), so that a seed replays a case anywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as i64
    }
}

fn spec(lag: Micros) -> WatermarkSpec {
    WatermarkSpec { column: 0, lag, replaces: false, idle: None, max_ahead: None }
}

/// The operator after all rows of its partitions, which take turns by batches.
fn after(spec: WatermarkSpec, partitions: &[Vec<Micros>], batch_rows: usize) -> Watermark {
    let mut watermark = Watermark::new(spec, 0..partitions.len() as u32);
    let mut out = Output::default();
    let batches = partitions.iter().map(|times| times.len().div_ceil(batch_rows)).max().unwrap_or(0);
    for number in 0..batches {
        for (partition, times) in (0..).zip(partitions) {
            let Some(rows) = times.chunks(batch_rows).nth(number) else { continue };
            let column = Arc::new(TimestampMicrosecondArray::from(rows.to_vec())) as arrow_array::ArrayRef;
            let mut batch = Batch::new(RecordBatch::try_from_iter([("time", column)]).unwrap());
            batch.origin = Origin { partition, first_row: (number * batch_rows) as u64 };
            watermark.on_batch(batch, &mut out).unwrap();
        }
    }
    watermark
}

/// The disorder of every row, ascending: how far it lies behind the largest of the rows before it.
fn disorders(partitions: &[Vec<Micros>]) -> Vec<Micros> {
    let of = |times: &Vec<Micros>| -> Vec<Micros> {
        let before = |row: usize| times[..row].iter().max().copied().unwrap_or(times[row]);
        (0..times.len()).map(|row| (before(row) - times[row]).max(0)).collect()
    };
    let mut all: Vec<Micros> = partitions.iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

#[test]
fn disorder_equals_the_order_statistics_within_its_error() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let spread = 1 << random.below(45);
        let (parts, rows, step) = (1 + random.below(3), random.below(400), 1 + random.below(spread));
        let times = |random: &mut Random| (0..rows).map(|row| row * step - random.below(spread)).collect();
        let partitions: Vec<Vec<Micros>> = (0..parts).map(|_| times(&mut random)).collect();
        let exact = disorders(&partitions);
        let Observed { disorder, .. } = after(spec(0), &partitions, 1 + random.below(50) as usize).observed();
        let mut from = 0;
        for &(bound, count) in &disorder {
            let rows = &exact[from..from + count as usize];
            from += rows.len();
            assert!(
                rows.iter().all(|row| *row <= bound && bound - row <= row / 32),
                "seed {seed}: {bound} for {rows:?}"
            );
        }
        assert_eq!(from, exact.len(), "seed {seed}");
        assert_eq!(disorder.last().map(|last| last.0), exact.last().copied(), "seed {seed}: the largest is exact");
    }
}

/// Rows a few seconds apart, each at most `spread` late, and now and then a night without any.
fn ordinary(random: &mut Random, rows: i64, spread: Micros) -> Vec<Micros> {
    let mut now = 0;
    let mut row = || {
        now += 1 + random.below(10 * SECOND) + if random.below(300) == 0 { DAY / 3 } else { 0 };
        now - random.below(spread)
    };
    (0..rows).map(|_| row()).collect()
}

#[test]
fn ordinary_streams_have_no_row_far_ahead() {
    for seed in 0..100 {
        let mut random = Random(seed);
        let spread = 1 << random.below(38);
        let times = ordinary(&mut random, 3000, spread);
        let lag = [0, spread / 8, spread, DAY][random.below(4) as usize];
        let mut watermark = after(spec(lag), &[times], [1, 7, 100, 8192][random.below(4) as usize]);
        watermark.on_partition_end(0, &mut Output::default());
        assert_eq!(watermark.observed().far_ahead, None, "seed {seed}");
    }
}

#[test]
fn the_row_that_makes_most_rows_late_is_named() {
    for seed in 0..100 {
        let mut random = Random(seed);
        let spread = 1 << random.below(38);
        let mut times = ordinary(&mut random, 3000, spread);
        let poisoned = [0, 1, random.below(1000)][random.below(3) as usize] as usize;
        let largest = *times.iter().max().unwrap();
        let time = largest + spread + (1 + random.below(30_000)) * DAY;
        times[poisoned] = time;
        // Others of the same clock follow, and change nothing about who was first.
        for other in 0..random.below(10) {
            times[poisoned + 1 + random.below(500) as usize] = time + other * DAY;
        }
        // Where rows are late anyway, the row is to blame for few of them.
        let lag = [spread, DAY][random.below(2) as usize].min(time - largest - 1);
        let batch_rows = [1, 7, 100, 8192][random.below(4) as usize];
        let healthy = (0..3000).map(|row| row * SECOND).collect();
        let mut watermark = after(spec(lag), &[healthy, times.clone()], batch_rows);
        watermark.on_partition_end(1, &mut Output::default());
        let found = watermark.observed().far_ahead.unwrap_or_else(|| panic!("seed {seed}: nothing was found"));
        assert_eq!((found.partition, found.row, found.time), (1, poisoned as u64, time), "seed {seed}");
        assert!(
            found.rows_late * 2 > found.rows_after && found.rows_after <= 2999 - poisoned as u64,
            "seed {seed}: {found:?}"
        );
        assert!(found.ahead >= time - largest, "seed {seed}: {found:?}, largest {largest}");
    }
}

#[test]
fn a_row_that_moves_nothing_is_not_named() {
    let mut times: Vec<Micros> = (0..1000).map(|row| row * SECOND).collect();
    times[10] = 1000 * DAY;
    let limited = WatermarkSpec { max_ahead: Some(DAY), ..spec(0) };
    let watermark = after(limited, &[times], 100);
    assert_eq!((watermark.observed().far_ahead, watermark.ahead), (None, 1));
}
