//! A source at a limited rate.

use headrace_core::{Result, time::Micros};

use super::{Polled, Position, Source};

const SECOND: Micros = 1_000_000;

/// Passes at most `rate` rows a second of another source, evenly; a source that was held back does not catch up more
/// than a second's rows.
pub struct Throttle<S> {
    source: S,
    rate: f64,
    // Rows may be passed when the clock has reached this time.
    next_at: Option<f64>,
}

impl<S> Throttle<S> {
    /// Limits `source` to `rate` rows a second.
    pub fn new(source: S, rate: f64) -> Self {
        Throttle { source, rate, next_at: None }
    }
}

impl<S: Source> Source for Throttle<S> {
    fn poll(&mut self, now: Micros) -> Result<Polled> {
        let due = self.next_at.unwrap_or(now as f64);
        if due > now as f64 {
            return Ok(Polled::Wait(Some(due.ceil() as Micros)));
        }
        let polled = self.source.poll(now)?;
        if let Polled::Batch(batch) = &polled {
            let earliest = (now - SECOND) as f64;
            self.next_at = Some(due.max(earliest) + batch.rows() as f64 * SECOND as f64 / self.rate);
        }
        Ok(polled)
    }

    fn positions(&self) -> Vec<Position> {
        self.source.positions()
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        self.source.seek(position)
    }
}

impl Source for Box<dyn Source> {
    fn poll(&mut self, now: Micros) -> Result<Polled> {
        self.as_mut().poll(now)
    }

    fn positions(&self) -> Vec<Position> {
        self.as_ref().positions()
    }

    fn seek(&mut self, position: &Position) -> Result<()> {
        self.as_mut().seek(position)
    }
}
