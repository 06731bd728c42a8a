//! Which state files nobody needs any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::state_folder::{StoredFile, owner};

/// Whether the name is of the scheme of state files; a file of any other name is never garbage.
pub(crate) fn is_ours(name: &str) -> bool {
    owner(name).is_some()
}

/// What the manifests name.
#[derive(Default)]
pub(crate) struct References {
    /// The files that a kept manifest names.
    kept: BTreeSet<String>,
    /// For each run, the newest of its checkpoints that any manifest names a file of.
    completed: BTreeMap<String, u64>,
}

impl References {
    /// Adds the files of a manifest.
    pub(crate) fn add(&mut self, files: Vec<StoredFile>, kept: bool) {
        for StoredFile { file, .. } in files {
            if let Some((run, checkpoint)) = owner(&file) {
                let newest = self.completed.entry(run.to_owned()).or_default();
                *newest = checkpoint.max(*newest);
            }
            if kept {
                self.kept.insert(file);
            }
        }
    }

    /// Whether a state file is not needed: no kept manifest names it, and none will. None will when the file lay
    /// there before this run began (`inherited`), or when a checkpoint of its own run as new as its own is complete,
    /// because a run completes its checkpoints in order. Anything else may be a checkpoint in progress.
    pub(crate) fn is_garbage(&self, name: &str, inherited: bool) -> bool {
        let Some((run, checkpoint)) = owner(name) else { return false };
        let overtaken = self.completed.get(run).is_some_and(|completed| checkpoint <= *completed);
        !self.kept.contains(name) && (inherited || overtaken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str) -> StoredFile {
        StoredFile { file: name.to_owned(), bytes: 0, checksum: String::new() }
    }

    #[test]
    fn only_what_nobody_can_name_again_is_garbage() {
        let mut references = References::default();
        references.add(vec![stored("aaaaaaaa-1-x")], false);
        references.add(vec![stored("aaaaaaaa-1-shared"), stored("bbbbbbbb-7-x")], true);
        let garbage = |name, inherited| references.is_garbage(name, inherited);
        assert!(garbage("aaaaaaaa-1-x", false));
        assert!(garbage("bbbbbbbb-6-declined", false));
        assert!(garbage("cccccccc-9-orphan", true));
        assert!(!garbage("aaaaaaaa-1-shared", true));
        assert!(!garbage("bbbbbbbb-7-x", false));
        assert!(!garbage("bbbbbbbb-8-in-progress", false));
        assert!(!garbage("cccccccc-1-in-progress", false));
        assert!(!garbage("notes.txt", true));
    }
}
