//! The row far in the future after which most rows are late: found so that somebody can be told.
//!
//! A row that is further ahead of all others than the lag moves the watermark past the rows that follow. Every such
//! leap of a partition is remembered for a while, and the late rows behind it are blamed on it: those that would not be
//! late if the row had not been there. A leap over a gap in the data, after which time goes on from there, is blamed
//! for nothing and soon forgotten.

use headrace_core::time::{Micros, saturating_sub};

/// Leaps of a partition that are remembered at a time.
const LEAPS_MAX: usize = 8;
/// A leap after so many rows, most of them in time, was none.
const TRIAL_ROWS: u64 = 64;
/// Nobody is told of a row that made fewer rows late than this, …
const LATE_MIN: u64 = 50;
/// … and of one that made as many late as this somebody is told, however many rows came before it.
const LATE_MAX: u64 = 100_000;

/// A row far ahead of all others, after which most rows of its partition are late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FarAhead {
    /// The source partition.
    pub partition: u32,
    /// The row's number in its partition; where rows were filtered out before, that of a row nearby.
    pub row: u64,
    /// Its event time.
    pub time: Micros,
    /// How far that is ahead of the largest event time of the rows that it made late; µs.
    pub ahead: Micros,
    /// How many rows of the partition have followed, …
    pub rows_after: u64,
    /// … and how many of them it has made late.
    pub rows_late: u64,
}

#[derive(Debug)]
struct Leap {
    row: u64,
    time: Micros,
    // Rows of the partition before it.
    rows_before: u64,
    rows_late: u64,
    // The largest event time had the row not been there: that before it, and those of the rows that it made late.
    largest: Micros,
}

/// The leaps of one partition, and the rows seen.
#[derive(Debug)]
pub(crate) struct Leaps {
    rows: u64,
    recent: Vec<Leap>,
}

impl Leaps {
    pub(crate) const NONE: Leaps = Leaps { rows: 0, recent: Vec::new() };

    /// Remembers row `at` of the current batch, whose first row is `first_row`, as a leap from `before` to `time`.
    pub(crate) fn leap(&mut self, first_row: u64, at: usize, time: Micros, before: Micros) {
        if self.recent.len() == LEAPS_MAX {
            let least = (0..LEAPS_MAX).min_by_key(|&place| self.recent[place].rows_late).unwrap_or(0);
            self.recent.remove(least);
        }
        let (row, rows_before) = (first_row + at as u64, self.rows + at as u64);
        self.recent.push(Leap { row, time, rows_before, rows_late: 0, largest: before });
    }

    /// Takes the rows of a batch, after its leaps: their event times and row watermarks.
    pub(crate) fn take(&mut self, times: &[Micros], row_watermarks: &[Micros], lag: Micros) {
        let before = self.rows;
        self.rows += times.len() as u64;
        let Some(oldest) = self.recent.first() else { return };
        // Ordinary rows are mostly in time, which is seen without looking at them one by one.
        let from = (oldest.rows_before + 1).saturating_sub(before) as usize;
        let rows = || times.iter().zip(row_watermarks).skip(from);
        let late = rows().filter(|(time, own)| time < own).count();
        if late * 2 > times.len() - from {
            rows().filter(|(time, own)| time < own).for_each(|(&time, _)| self.blame(time, lag));
        }
        let rows = self.rows;
        self.recent.retain(|leap| leap.has_most(rows) || leap.rows_after(rows) < TRIAL_ROWS);
    }

    // A late row is due to the last leap that it is late for and without which it would be in time.
    fn blame(&mut self, time: Micros, lag: Micros) {
        let due = |leap: &&mut Leap| (saturating_sub(leap.largest, lag)..leap.time - lag).contains(&time);
        let due = self.recent.iter_mut().rev().find(due);
        if let Some(leap) = due {
            leap.rows_late += 1;
            leap.largest = leap.largest.max(time);
        }
    }

    /// The leap to tell about: most of the rows after it are late because of it, and they are as many as those before
    /// it. At the end of the partition a quarter of them will do.
    pub(crate) fn find(&self, partition: u32, ended: bool) -> Option<FarAhead> {
        let worth = |leap: &&Leap| {
            let enough = if ended { leap.rows_before / 4 } else { leap.rows_before };
            leap.has_most(self.rows) && leap.rows_late >= enough.clamp(LATE_MIN, LATE_MAX)
        };
        self.recent.iter().find(worth).map(|leap| FarAhead {
            partition,
            row: leap.row,
            time: leap.time,
            ahead: leap.time.saturating_sub(leap.largest),
            rows_after: leap.rows_after(self.rows),
            rows_late: leap.rows_late,
        })
    }
}

impl Leap {
    fn rows_after(&self, rows: u64) -> u64 {
        rows - self.rows_before - 1
    }

    fn has_most(&self, rows: u64) -> bool {
        self.rows_late * 2 > self.rows_after(rows)
    }
}
