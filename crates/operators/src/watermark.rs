//! `watermark`: chooses event time, and stamps each row with its row watermark.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{Array, BooleanArray, Int32Array, Int64Array, RecordBatch, cast::AsArray, types};
use arrow_buffer::ScalarBuffer;
use headrace_core::{
    Batch, Code, Error, Result,
    time::{MINUS_INFINITY, Micros, PLUS_INFINITY, saturating_add, saturating_sub},
};

use crate::{
    Counters, FarAhead, FrozenPart, Message, Observed, Operator, Output, Scope, disorder::Disorder, far_ahead::Leaps,
};

/// Event times outside ± this many microseconds (73,000 years) are dropped, so that no window's border overflows.
const TIME_LIMIT: Micros = 1 << 61;
/// Without `max_ahead`, a row that is further ahead than this and than the lag is watched.
const FAR: Micros = 60_000_000;

/// The settings of `watermark()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkSpec {
    /// The index of the event-time column.
    pub column: usize,
    /// Whether another `watermark()` stands before this one, whose event time this one takes the place of.
    pub replaces: bool,
    /// How far the watermark stays behind the largest event time; µs.
    pub lag: Micros,
    /// After how long without rows a partition leaves the minimum; µs.
    pub idle: Option<Micros>,
    /// How far ahead of the largest event time a row may be before it stops moving it; µs.
    pub max_ahead: Option<Micros>,
}

#[derive(Debug)]
struct Partition {
    // M: the largest event time so far.
    largest: Micros,
    // When the partition last had rows, or was first seen without; the injected clock's µs.
    active_at: Option<Micros>,
    idle: bool,
    ended: bool,
    leaps: Leaps,
}

impl Partition {
    const NEW: Partition =
        Partition { largest: MINUS_INFINITY, active_at: None, idle: false, ended: false, leaps: Leaps::NONE };
}

/// Keeps the running maximum M of event time per source partition, stamps each row with L = M − lag as it was just
/// before the row, and emits the minimum over the partitions that are neither idle nor ended.
pub struct Watermark {
    spec: WatermarkSpec,
    partitions: BTreeMap<u32, Partition>,
    emitted: Micros,
    idle: bool,
    null_time: u64,
    time_out_of_range: u64,
    ahead: u64,
    disorder: Disorder,
    far_ahead: Option<FarAhead>,
}

impl Watermark {
    /// A watermark over the partitions that will arrive at this subtask.
    pub fn new(spec: WatermarkSpec, partitions: impl IntoIterator<Item = u32>) -> Self {
        Watermark {
            spec,
            partitions: partitions.into_iter().map(|partition| (partition, Partition::NEW)).collect(),
            emitted: MINUS_INFINITY,
            idle: false,
            null_time: 0,
            time_out_of_range: 0,
            ahead: 0,
            disorder: Disorder::default(),
            far_ahead: None,
        }
    }

    // The minimum over the partitions that are neither idle nor ended. Where there is none, those that are idle may yet
    // have rows, so there is no watermark for now; it is +∞ only once all have ended.
    fn level(&self) -> Option<Micros> {
        let mut open = self.partitions.values().filter(|partition| !partition.ended).peekable();
        if open.peek().is_none() {
            return Some(PLUS_INFINITY);
        }
        open.filter(|partition| !partition.idle).map(|partition| saturating_sub(partition.largest, self.spec.lag)).min()
    }

    fn advance(&mut self, out: &mut Output) {
        match self.level() {
            // After idleness also one that has not moved, because it says that this subtask takes part again.
            Some(level) if level > self.emitted || self.idle => {
                self.emitted = self.emitted.max(level);
                self.idle = false;
                out.send(Message::Watermark(self.emitted));
            }
            None if !self.idle => {
                self.idle = true;
                out.send(Message::Idle);
            }
            _ => {}
        }
    }

    // Keeps the first row of all partitions that somebody is to be told about, with its counts up to now.
    fn look_for_far_ahead(&mut self, partition: u32, ended: bool) {
        let found = self.partitions.get(&partition).and_then(|own| own.leaps.find(partition, ended));
        let known = |found: &FarAhead| (found.partition, found.row);
        if let Some(found) = found
            && self.far_ahead.as_ref().is_none_or(|first| known(first) == known(&found))
        {
            self.far_ahead = Some(found);
        }
    }

    // The rows whose event time can be used; the others are counted by name.
    fn usable(&mut self, batch: Batch) -> Result<Batch> {
        let times = batch.data.column(self.spec.column).as_primitive::<types::TimestampMicrosecondType>();
        let in_range = |time: Micros| (-TIME_LIMIT..=TIME_LIMIT).contains(&time);
        let nulls = times.null_count();
        if nulls == 0 && times.values().iter().all(|&time| in_range(time)) {
            return Ok(batch);
        }
        let mask: BooleanArray = times.iter().map(|time| Some(time.is_some_and(in_range))).collect();
        let kept = batch.filter(&mask)?;
        self.null_time += nulls as u64;
        self.time_out_of_range += (batch.rows() - kept.rows() - nulls) as u64;
        Ok(kept)
    }
}

// Rows of which none is more than `far` ahead of the largest event time so far.
struct Run<'a> {
    lag: Micros,
    far: Micros,
    largest: &'a mut Micros,
    disorder: &'a mut Disorder,
}

impl Run<'_> {
    // Stamps rows up to the first that is further ahead, and says how many.
    fn stamp(self, times: &[Micros], row_watermarks: &mut [Micros]) -> usize {
        let Run { lag, far, .. } = self;
        let mut largest = *self.largest;
        let mut stamped = 0;
        for (&time, row_watermark) in times.iter().zip(row_watermarks) {
            if time - far > largest {
                break;
            }
            *row_watermark = largest - lag;
            self.disorder.record(stamped, largest, time);
            largest = largest.max(time);
            stamped += 1;
        }
        *self.largest = largest;
        stamped
    }
}

impl Operator for Watermark {
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()> {
        let mut batch = self.usable(batch)?;
        let times: ScalarBuffer<Micros> =
            batch.data.column(self.spec.column).as_primitive::<types::TimestampMicrosecondType>().values().clone();
        let partition = self.partitions.entry(batch.origin.partition).or_insert(Partition::NEW);
        partition.active_at = None;
        partition.idle = false;
        let lag = self.spec.lag;
        // No two event times are further apart than twice their limit.
        let far = self.spec.max_ahead.unwrap_or(lag.max(FAR)).min(2 * TIME_LIMIT);
        let mut row_watermarks = vec![0; times.len()];
        let mut from = 0;
        while from < times.len() {
            let before = partition.largest;
            row_watermarks[from] = saturating_sub(before, lag);
            if times[from] - far > before {
                match self.spec.max_ahead {
                    Some(_) if before != MINUS_INFINITY => self.ahead += 1,
                    Some(_) => partition.largest = times[from],
                    None => {
                        partition.leaps.leap(batch.origin.first_row, from, times[from], before);
                        partition.largest = times[from];
                    }
                }
                // Ahead of all others, and so behind none.
                self.disorder.record(0, 0, 0);
                from += 1;
            }
            let run = Run { lag, far, largest: &mut partition.largest, disorder: &mut self.disorder };
            from += run.stamp(&times[from..], &mut row_watermarks[from..]);
        }
        partition.leaps.take(&times, &row_watermarks, lag);
        self.look_for_far_ahead(batch.origin.partition, false);
        batch.times = Some(times);
        batch.row_watermarks = Some(row_watermarks.into());
        out.send(Message::Batch(batch));
        self.advance(out);
        Ok(())
    }

    // The watermark of another event time says nothing about this one. Besides, only the test driver sends a watermark
    // from before here: it moves M, as a row with that time and no content.
    fn on_watermark(&mut self, watermark: Micros, out: &mut Output) -> Result<()> {
        if self.spec.replaces {
            return Ok(());
        }
        for partition in self.partitions.values_mut() {
            match watermark {
                PLUS_INFINITY => partition.ended = true,
                _ => {
                    partition.largest = partition.largest.max(saturating_add(watermark, self.spec.lag));
                    partition.active_at = None;
                    partition.idle = false;
                }
            }
        }
        self.advance(out);
        Ok(())
    }

    fn on_partition_end(&mut self, partition: u32, out: &mut Output) {
        self.partitions.entry(partition).or_insert(Partition::NEW).ended = true;
        self.look_for_far_ahead(partition, true);
        out.send(Message::PartitionEnd(partition));
        self.advance(out);
    }

    // Whether partitions are idle is decided here, by rows and the clock.
    fn on_idle(&mut self, _out: &mut Output) {}

    fn on_clock(&mut self, now: Micros, out: &mut Output) {
        let Some(idle) = self.spec.idle else { return };
        for partition in self.partitions.values_mut().filter(|partition| !partition.ended) {
            let since = *partition.active_at.get_or_insert(now);
            partition.idle = now.saturating_sub(since) >= idle;
        }
        self.advance(out);
    }

    fn freeze(&mut self) -> Result<Vec<FrozenPart>> {
        // Numbers of partitions are small; the signed type is the one that every reader of the file carries as it is.
        let numbers = Int32Array::from_iter_values(self.partitions.keys().map(|&number| number as i32));
        let largest = Int64Array::from_iter_values(self.partitions.values().map(|partition| partition.largest));
        let rows = RecordBatch::try_from_iter([
            ("partition", Arc::new(numbers) as arrow_array::ArrayRef),
            ("largest_event_time", Arc::new(largest)),
        ])?;
        Ok(vec![FrozenPart { name: "partitions", frozen: Box::new(rows) }])
    }

    fn restore(&mut self, _part: &str, rows: &RecordBatch, _scope: Scope) -> Result<()> {
        let damaged =
            || Error::new(Code::CheckpointDamaged, "the watermark's part of the checkpoint has other columns");
        let columns = (rows.column_by_name("partition"), rows.column_by_name("largest_event_time"));
        let (Some(numbers), Some(largest)) = columns else { return Err(damaged()) };
        let numbers = numbers.as_primitive_opt::<types::Int32Type>().ok_or_else(damaged)?;
        let largest = largest.as_primitive_opt::<types::Int64Type>().ok_or_else(damaged)?;
        for (number, largest) in numbers.values().iter().zip(largest.values()) {
            // A partition that another subtask reads now is not in the table, and its M is not ours to keep.
            if let Some(partition) = self.partitions.get_mut(&(*number as u32)) {
                partition.largest = *largest;
            }
        }
        Ok(())
    }

    fn resume(&mut self, out: &mut Output) -> Result<()> {
        self.advance(out);
        Ok(())
    }

    fn observed(&self) -> Observed {
        Observed { disorder: self.disorder.buckets().collect(), far_ahead: self.far_ahead }
    }

    fn counters(&self) -> Counters {
        vec![
            ("droppedNullTime", self.null_time),
            ("droppedTimeOutOfRange", self.time_out_of_range),
            ("rowsAhead", self.ahead),
            ("watermark", self.emitted as u64),
        ]
    }
}

#[cfg(test)]
mod tests;
