//! Rows pushed by a test.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use headrace_core::{Batch, Origin, Result, time::Micros};

use super::{Polled, Position, Source};

enum Pushed {
    Rows(RecordBatch),
    Watermark(Micros),
    End,
}

/// The source of the test driver, which keeps a handle on it and pushes what it wants the pipeline to see.
#[derive(Clone)]
pub struct PushSource {
    pushed: Arc<Mutex<VecDeque<Pushed>>>,
    partition: u32,
    row: u64,
    ended: bool,
}

impl PushSource {
    /// A source without rows.
    pub fn new(partition: u32) -> Self {
        PushSource { pushed: Arc::default(), partition, row: 0, ended: false }
    }

    /// Adds rows.
    pub fn push(&self, rows: RecordBatch) {
        self.add(Pushed::Rows(rows));
    }

    /// Moves the watermark.
    pub fn advance_watermark(&self, watermark: Micros) {
        self.add(Pushed::Watermark(watermark));
    }

    /// Ends the input.
    pub fn finish(&self) {
        self.add(Pushed::End);
    }

    fn add(&self, pushed: Pushed) {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner).push_back(pushed);
    }
}

impl Source for PushSource {
    fn poll(&mut self, _now: Micros) -> Result<Polled> {
        if self.ended {
            return Ok(Polled::End);
        }
        let next = self.pushed.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Ok(match next {
            None => Polled::Wait(None),
            Some(Pushed::Watermark(watermark)) => Polled::Watermark(watermark),
            Some(Pushed::End) => {
                self.ended = true;
                Polled::PartitionEnd(self.partition)
            }
            Some(Pushed::Rows(rows)) => {
                let mut batch = Batch::new(rows);
                batch.origin = Origin { partition: self.partition, first_row: self.row };
                self.row += batch.rows() as u64;
                Polled::Batch(batch)
            }
        })
    }

    fn positions(&self) -> Vec<Position> {
        vec![Position { partition: self.partition, row: self.row, fingerprint: String::new() }]
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        self.row = position.row;
        Ok(())
    }
}
