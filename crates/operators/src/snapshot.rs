//! Parts of a checkpoint: state frozen by reference, encoded later and elsewhere.

use arrow_array::RecordBatch;
use headrace_core::{Result, key};

/// The version of the layout of all parts. Whoever changes what [`Frozen::encode`] gives for any operator raises it.
pub const STATE_VERSION: u32 = 1;

/// State of one operator under one name.
pub struct FrozenPart {
    /// The part's name within the operator.
    pub name: &'static str,
    /// The references.
    pub frozen: Box<dyn Frozen>,
}

/// References to state, to be encoded by whoever writes the checkpoint.
pub trait Frozen: Send {
    /// The state as rows.
    ///
    /// # Errors
    /// Declines the checkpoint.
    fn encode(self: Box<Self>) -> Result<RecordBatch>;
}

impl Frozen for RecordBatch {
    fn encode(self: Box<Self>) -> Result<RecordBatch> {
        Ok(*self)
    }
}

/// Which share of an operator's state a subtask holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The subtask's number among its siblings.
    pub subtask: u32,
    /// How many siblings there are.
    pub parallelism: u32,
}

impl Scope {
    /// The only subtask of its kind.
    pub const WHOLE: Scope = Scope { subtask: 0, parallelism: 1 };

    /// Whether the subtask holds the state of a key group.
    pub fn owns_key_group(self, key_group: u32) -> bool {
        key::owner(key_group, self.parallelism) == self.subtask
    }

    /// Whether the subtask reads a source partition.
    pub fn owns_partition(self, partition: u32) -> bool {
        partition % self.parallelism == self.subtask
    }
}
