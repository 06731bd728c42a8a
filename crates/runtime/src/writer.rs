//! The background writer: turns what subtasks froze into durable files, and acknowledges it.

use std::path::PathBuf;

use headrace_core::Result;

use crate::{
    event::{Event, StateFile},
    state_file,
    subtask::Collected,
};

/// Where state files go, and under which names.
#[derive(Debug, Clone)]
pub(crate) struct StatePlace {
    /// The checkpoint store's folder of state files; `None` when the job takes no checkpoints, and state is dropped.
    pub(crate) folder: Option<PathBuf>,
    /// The id of this run, with which every name begins.
    pub(crate) run: String,
}

/// Writes one subtask's part of a checkpoint; the event says how that went.
pub(crate) fn write(place: &StatePlace, collected: Collected) -> Event {
    let (checkpoint, subtask) = (collected.barrier.checkpoint, collected.subtask);
    match write_all(place, collected) {
        Ok(ack) => ack,
        Err(error) => Event::Declined { checkpoint, subtask, error },
    }
}

fn write_all(place: &StatePlace, collected: Collected) -> Result<Event> {
    let (checkpoint, subtask) = (collected.barrier.checkpoint, collected.subtask);
    let mut files = Vec::new();
    if let Some(folder) = &place.folder {
        for (node, uid, part) in collected.parts {
            let file = format!("{}-{checkpoint:08}-{subtask:04}-{node}-{}.parquet", place.run, part.name);
            let rows = part.frozen.encode()?;
            let written = state_file::write(&folder.join(&file), &rows)?;
            let part = part.name.to_owned();
            files.push(StateFile { uid, subtask, part, file, bytes: written.bytes, checksum: written.checksum });
        }
    }
    let committables = collected.prepared.into_iter().map(|prepared| prepared.finish()).collect::<Result<Vec<_>>>()?;
    let frozen_micros = collected.frozen_micros;
    Ok(Event::Ack { checkpoint, subtask, files, committables, positions: collected.positions, frozen_micros })
}

/// The writer's inbox; one message a subtask and checkpoint, and one checkpoint at a time.
pub(crate) type Inbox = std::sync::mpsc::Sender<Collected>;

/// Runs the writer until every sender is gone.
pub(crate) fn run(
    place: &StatePlace,
    inbox: &std::sync::mpsc::Receiver<Collected>,
    tell: &(dyn Fn(Event) + Send + Sync),
) {
    while let Ok(collected) = inbox.recv() {
        tell(write(place, collected));
    }
}
