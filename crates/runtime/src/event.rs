//! What a job tells its coordinator.

use headrace_connect::Position;
use headrace_core::Error;
use headrace_store::Committable;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{metrics, subtask::NodeCounters};

/// A state file of a checkpoint.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct StateFile {
    /// The operator's uid.
    pub uid: String,
    /// The subtask that wrote it.
    pub subtask: u32,
    /// The part within the operator.
    pub part: String,
    /// The file's name in the store.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The xxh3-64 of its content, in hexadecimal digits.
    pub checksum: String,
}

/// Where a source stands.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct SourcePosition {
    /// The source's uid.
    pub uid: String,
    /// The subtask.
    pub subtask: u32,
    /// The position of one of its partitions.
    pub position: Position,
}

/// An event of a job.
#[derive(Debug, Clone)]
pub enum Event {
    /// A subtask's part of a checkpoint is durable.
    Ack {
        /// The checkpoint.
        checkpoint: u64,
        /// The subtask.
        subtask: u32,
        /// Its state.
        files: Vec<StateFile>,
        /// What its sinks prepared.
        committables: Vec<Committable>,
        /// Where its sources stand.
        positions: Vec<SourcePosition>,
        /// What its operators had counted when the barrier passed them.
        counters: Vec<NodeCounters>,
        /// For how long the freeze held the stream up; µs.
        frozen_micros: i64,
    },
    /// A subtask could not write its part of a checkpoint.
    Declined {
        /// The checkpoint.
        checkpoint: u64,
        /// The subtask.
        subtask: u32,
        /// Why.
        error: Error,
    },
    /// A source has given all its rows and waits for the final barrier.
    Exhausted {
        /// The source's subtask.
        subtask: u32,
    },
    /// A subtask has ended cleanly.
    Finished {
        /// The subtask.
        subtask: u32,
    },
    /// The job has failed.
    Failed {
        /// Why.
        error: Error,
    },
}

impl Event {
    /// The event as the coordinator reads it.
    pub fn to_json(&self) -> Value {
        match self {
            Event::Ack { checkpoint, subtask, files, committables, positions, counters, frozen_micros } => json!({
                "event": "ack", "checkpoint": checkpoint, "subtask": subtask, "files": files,
                "committables": committables, "positions": positions,
                "operators": counters.iter().map(|node| metrics::counts_of(*subtask, node)).collect::<Vec<_>>(), "frozenMicros": frozen_micros,
            }),
            Event::Declined { checkpoint, subtask, error } => json!({
                "event": "declined", "checkpoint": checkpoint, "subtask": subtask, "error": error.to_json(),
            }),
            Event::Exhausted { subtask } => json!({ "event": "exhausted", "subtask": subtask }),
            Event::Finished { subtask } => json!({ "event": "finished", "subtask": subtask }),
            Event::Failed { error } => json!({ "event": "failed", "error": error.to_json() }),
        }
    }
}
