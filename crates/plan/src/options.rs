//! How a job is run, as opposed to what it computes: none of this changes its results.

use serde::{Deserialize, Serialize};

/// The options of a job, all of which may differ between a run and its resumption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct JobOptions {
    /// Subtasks of each keyed operator, 1 to 128.
    pub parallelism: u32,
    /// Rows of a source batch.
    pub batch_rows: u32,
    /// Rows a channel holds before it stops its sender.
    pub channel_rows: u32,
    /// Bytes a channel holds before it stops its sender.
    pub channel_bytes: u32,
}

impl Default for JobOptions {
    fn default() -> Self {
        JobOptions { parallelism: 1, batch_rows: 8192, channel_rows: 65_536, channel_bytes: 16 << 20 }
    }
}
