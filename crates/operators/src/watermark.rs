//! `watermark`: chooses event time, and stamps each row with its row watermark.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{Array, BooleanArray, Int32Array, Int64Array, RecordBatch, cast::AsArray, types};
use arrow_buffer::ScalarBuffer;
use headrace_core::{
    Batch, Code, Error, Result,
    time::{MINUS_INFINITY, Micros, PLUS_INFINITY, saturating_add, saturating_sub},
};

use crate::{Counters, FrozenPart, Message, Operator, Output, Scope};

/// Event times outside ± this many microseconds (73,000 years) are dropped, so that no window's border overflows.
const TIME_LIMIT: Micros = 1 << 61;

/// The settings of `watermark()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkSpec {
    /// The index of the event-time column.
    pub column: usize,
    /// How far the watermark stays behind the largest event time; µs.
    pub lag: Micros,
    /// After how long without rows a partition leaves the minimum; µs.
    pub idle: Option<Micros>,
    /// How far ahead of the largest event time a row may be before it stops moving it; µs.
    pub max_ahead: Option<Micros>,
}

#[derive(Debug, Clone, Copy)]
struct Partition {
    // M: the largest event time so far.
    largest: Micros,
    // When the partition last had rows, or was first seen without; the injected clock's µs.
    active_at: Option<Micros>,
    idle: bool,
    ended: bool,
}

impl Partition {
    const NEW: Partition = Partition { largest: MINUS_INFINITY, active_at: None, idle: false, ended: false };
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
    largest_disorder: Micros,
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
            largest_disorder: 0,
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

impl Operator for Watermark {
    fn on_batch(&mut self, batch: Batch, out: &mut Output) -> Result<()> {
        let mut batch = self.usable(batch)?;
        let times: ScalarBuffer<Micros> =
            batch.data.column(self.spec.column).as_primitive::<types::TimestampMicrosecondType>().values().clone();
        let partition = self.partitions.entry(batch.origin.partition).or_insert(Partition::NEW);
        partition.active_at = None;
        partition.idle = false;
        let mut largest = partition.largest;
        let mut own = saturating_sub(largest, self.spec.lag);
        let mut row_watermarks = Vec::with_capacity(times.len());
        for &time in &times {
            row_watermarks.push(own);
            if time > largest {
                match self.spec.max_ahead {
                    Some(ahead) if largest != MINUS_INFINITY && time > largest.saturating_add(ahead) => self.ahead += 1,
                    _ => {
                        largest = time;
                        own = time - self.spec.lag;
                    }
                }
            } else {
                self.largest_disorder = self.largest_disorder.max(largest - time);
            }
        }
        partition.largest = largest;
        batch.times = Some(times);
        batch.row_watermarks = Some(row_watermarks.into());
        out.send(Message::Batch(batch));
        self.advance(out);
        Ok(())
    }

    // Only the test driver sends a watermark from before here: it moves M, as a row with that time and no content.
    fn on_watermark(&mut self, watermark: Micros, out: &mut Output) -> Result<()> {
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
        self.advance(out);
    }

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

    fn counters(&self) -> Counters {
        vec![
            ("droppedNullTime", self.null_time),
            ("droppedTimeOutOfRange", self.time_out_of_range),
            ("rowsAhead", self.ahead),
            ("largestDisorderMicros", self.largest_disorder as u64),
            ("watermark", self.emitted as u64),
        ]
    }
}
