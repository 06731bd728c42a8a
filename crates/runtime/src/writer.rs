//! The background writer: turns what subtasks froze into durable files, and acknowledges it.

use std::path::{Path, PathBuf};

use headrace_core::{Error, Result};
use headrace_formats::Written;
use headrace_operators::Frozen;
use headrace_plan::Node;

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
    /// The plan's operators, to name the one whose part could not be written.
    pub(crate) nodes: Vec<Node>,
}

impl StatePlace {
    fn failed(&self, uid: &str, what: &str, error: Error) -> Error {
        let error = error.context(what);
        match self.nodes.iter().find(|node| node.uid == uid) {
            Some(node) => error.in_operator(uid, &node.name, node.at.as_deref()),
            None => error,
        }
    }
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
            let written = write_part(&folder.join(&file), part.frozen).map_err(|error| {
                place.failed(&uid, &format!("the part '{}' of its state could not be saved", part.name), error)
            })?;
            let part = part.name.to_owned();
            files.push(StateFile { uid, subtask, part, file, bytes: written.bytes, checksum: written.checksum });
        }
    }
    let mut committables = Vec::with_capacity(collected.prepared.len());
    for prepared in collected.prepared {
        let uid = prepared.uid().to_owned();
        let unwritten = |error| place.failed(&uid, "the rows since the last checkpoint could not be written", error);
        committables.push(prepared.finish().map_err(unwritten)?);
    }
    let Collected { positions, counters, frozen_micros, .. } = collected;
    Ok(Event::Ack { checkpoint, subtask, files, committables, positions, counters, frozen_micros })
}

fn write_part(path: &Path, part: Box<dyn Frozen>) -> Result<Written> {
    state_file::write(path, &part.encode()?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, RecordBatch};
    use headrace_operators::{Barrier, BarrierKind, FrozenPart};
    use headrace_plan::Op;
    use std::sync::Arc;

    #[test]
    fn what_cannot_be_written_is_named_with_its_operator_and_line() {
        let column: arrow_array::ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("slice", column)]).unwrap();
        let node = Node {
            uid: "hourly".to_owned(),
            name: "window(1h)".to_owned(),
            at: Some("job.ts:7".to_owned()),
            inputs: Vec::new(),
            op: Op::BlackholeSink,
        };
        let folder = std::env::temp_dir().join("headrace-no-such-folder");
        let place = StatePlace { folder: Some(folder.clone()), run: "00c0ffee".to_owned(), nodes: vec![node] };
        let collected = Collected {
            subtask: 3,
            barrier: Barrier { checkpoint: 5, kind: BarrierKind::Periodic },
            parts: vec![(0, "hourly".to_owned(), FrozenPart { name: "slices", frozen: Box::new(rows) })],
            prepared: Vec::new(),
            positions: Vec::new(),
            counters: Vec::new(),
            frozen_micros: 0,
        };
        let Event::Declined { checkpoint: 5, subtask: 3, error } = write(&place, collected) else {
            panic!("it should have been declined");
        };
        let text = error.to_string();
        assert!(
            text.starts_with("HR_IO: the part 'slices' of its state could not be saved: could not create"),
            "{text}"
        );
        assert!(text.contains(folder.to_str().unwrap()), "{text}");
        assert!(text.contains("(in window(1h) at job.ts:7)"), "{text}");
    }
}
