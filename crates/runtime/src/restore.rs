//! Handing a checkpoint's state to new subtasks.

use std::path::Path;

use arrow_array::RecordBatch;
use headrace_core::Result;
use headrace_operators::Scope;
use serde::Deserialize;

use crate::{
    build::Built,
    compile::CompiledPlan,
    event::{SourcePosition, StateFile},
    link::Stage,
    state_file,
    subtask::Subtask,
};

/// What a manifest says about state; the rest of it is the coordinator's.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Restored {
    pub(crate) checkpoint: u64,
    pub(crate) files: Vec<StateFile>,
    pub(crate) positions: Vec<SourcePosition>,
}

/// One part of one operator's state, in memory.
pub(crate) struct Part {
    pub(crate) uid: String,
    pub(crate) part: String,
    pub(crate) rows: Vec<RecordBatch>,
}

/// Reads all state files of a checkpoint.
///
/// # Errors
/// `HR_CHECKPOINT_DAMAGED` when one cannot be read, `HR_CHECKPOINT_VERSION` when it is of another version.
pub(crate) fn read(folder: &Path, files: &[StateFile]) -> Result<Vec<Part>> {
    files
        .iter()
        .map(|file| {
            Ok(Part { uid: file.uid.clone(), part: file.part.clone(), rows: state_file::read(folder, &file.file)? })
        })
        .collect()
}

/// Gives every subtask its share of the parts, and every source its positions.
///
/// # Errors
/// When a part does not fit its operator, or a source has changed.
pub(crate) fn hand_out(
    compiled: &CompiledPlan,
    built: &mut Built,
    parts: &[Part],
    positions: &[SourcePosition],
) -> Result<()> {
    headrace_store::crash_point("during-recovery");
    for (subtask, &(chain, within)) in built.subtasks.iter_mut().zip(&built.places) {
        let scope = Scope { subtask: within, parallelism: compiled.graph.chains[chain].parallelism };
        restore_operators(subtask, parts, scope)?;
        for position in positions {
            subtask.seek(position)?;
        }
        subtask.open();
    }
    Ok(())
}

fn restore_operators(subtask: &mut Subtask, parts: &[Part], scope: Scope) -> Result<()> {
    for link in subtask.links_mut() {
        let Stage::Operator(operator) = &mut link.stage else { continue };
        for part in parts.iter().filter(|part| part.uid == link.uid) {
            for rows in &part.rows {
                let restored = operator.restore(&part.part, rows, scope);
                restored.map_err(|error| error.in_operator(&link.uid, &link.name, link.at.as_deref()))?;
            }
        }
    }
    Ok(())
}
