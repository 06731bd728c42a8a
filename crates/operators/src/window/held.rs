//! Rows that are late for some of their windows, held until those windows have fired.
//!
//! Such a row still counts in the windows that it is not late for, but must not enter a window that it is late for and
//! that this subtask has not fired yet, because its watermark lags behind the row's. It waits until the watermark
//! reaches its row watermark L: then every window that ends at or before L has fired. Rows leave in the order of
//! (L, arrival), which for rows of one partition is their order in it.

use std::{collections::BTreeMap, sync::Arc};

use headrace_core::time::Micros;

use crate::aggregate::Prepared;

/// One waiting row: its key, and where its evaluated arguments are.
#[derive(Clone)]
pub(super) struct HeldRow {
    pub(super) key: u32,
    pub(super) rows: Arc<Prepared>,
    pub(super) row: u32,
}

/// The waiting rows, in the order in which they will leave.
#[derive(Default, Clone)]
pub(super) struct Held {
    rows: BTreeMap<(Micros, u64), HeldRow>,
    arrivals: u64,
}

impl Held {
    /// Adds a row with its row watermark.
    pub(super) fn push(&mut self, row_watermark: Micros, row: HeldRow) {
        self.rows.insert((row_watermark, self.arrivals), row);
        self.arrivals += 1;
    }

    /// The smallest row watermark that waits.
    pub(super) fn next(&self) -> Option<Micros> {
        self.rows.first_key_value().map(|((row_watermark, _), _)| *row_watermark)
    }

    /// Takes the first row whose row watermark is at most `watermark`.
    pub(super) fn pop(&mut self, watermark: Micros) -> Option<HeldRow> {
        self.rows.first_entry().filter(|entry| entry.key().0 <= watermark).map(|entry| entry.remove())
    }

    /// All waiting rows in order.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &HeldRow> {
        self.rows.values()
    }

    /// The row watermarks of all waiting rows, in the same order.
    pub(super) fn row_watermarks(&self) -> impl Iterator<Item = Micros> {
        self.rows.keys().map(|(row_watermark, _)| *row_watermark)
    }
}
