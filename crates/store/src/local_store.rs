//! A checkpoint folder on a local disk.
#![expect(clippy::disallowed_methods, reason = "it reads, writes and removes files, and draws one random id")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use headrace_core::{Code, Error, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::crash_point;
use crate::disk::{hex, names, put_if_absent, remove, sync_folder};
use crate::garbage;
use crate::lock::FolderLock;
use crate::manifest::{self, Manifest, damaged};
use crate::state_folder::{StateFolder, StoredFile};

/// A checkpoint folder, held by this process until the store is dropped.
///
/// The manifests form one sequence over the whole life of the folder, and writing the next one is the fence: a store
/// goes on from the newest manifest that it found when it was opened, and can only ever write the one after its own
/// last. A store that finds that number taken by another has been overtaken and stops with `HR_FENCED`. That holds
/// where the lock does not, such as on some network file systems.
///
/// The methods block on the disk and may be called from any thread.
pub struct LocalStore {
    folder: PathBuf,
    state: StateFolder,
    /// The id of this store, unique over all stores that ever open the folder.
    run: String,
    /// The newest manifest that was there when the store was opened, or that it wrote since.
    last: Mutex<u64>,
    /// The state files that were there when the store was opened: what no manifest names of these, nobody needs.
    inherited: BTreeSet<String>,
    _lock: FolderLock,
}

/// The newest checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// The number of its manifest.
    pub sequence: u64,
    /// Whether [`LocalStore::mark`] recorded that everything it promised to sinks is committed.
    pub committed: bool,
    /// What was handed to [`LocalStore::put`].
    pub content: Value,
}

impl LocalStore {
    /// Opens and locks the folder; creates it when it is missing.
    ///
    /// # Errors
    /// `HR_LOCKED` naming the process that holds it, `HR_IO` when it cannot be created or written.
    pub fn open(folder: &Path) -> Result<Self> {
        let state = StateFolder::of(folder);
        fs::create_dir_all(state.folder()).map_err(|error| Error::io(Code::Io, "create", state.folder(), &error))?;
        // What is put into a folder is only as durable as the folder's own name.
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let durable = sync_folder(folder).and_then(|()| sync_folder(parent));
        durable.map_err(|error| Error::io(Code::Io, "create", folder, &error))?;
        let lock = FolderLock::acquire(folder)?;
        let unreadable = |error| Error::io(Code::Io, "read", folder, &error);
        let found = names(folder).map_err(unreadable)?;
        // A crash between writing a manifest and linking it leaves the temporary file behind.
        for name in found.iter().filter(|name| manifest::is_temporary(name)) {
            let path = folder.join(name);
            remove(&path).map_err(|error| Error::io(Code::Io, "remove", &path, &error))?;
        }
        Ok(LocalStore {
            run: unique_id(),
            last: Mutex::new(found.iter().filter_map(|name| manifest::sequence_of(name)).max().unwrap_or(0)),
            inherited: names(state.folder()).map_err(unreadable)?.into_iter().collect(),
            folder: folder.to_owned(),
            state,
            _lock: lock,
        })
    }

    /// The folder of state files.
    pub fn state(&self) -> &StateFolder {
        &self.state
    }

    /// The path of a state file.
    pub fn state_path(&self, name: &str) -> PathBuf {
        self.state.path(name)
    }

    /// As [`StateFolder::write`].
    ///
    /// # Errors
    /// As [`StateFolder::write`].
    pub fn write_state(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<StoredFile> {
        self.state.write(name, write)
    }

    /// Writes a manifest under the next number of the sequence, durably, and returns the number. A content whose
    /// `kind` is `"claim"` takes the number, and with it the fence, without being a checkpoint; the `files` of any
    /// other must be on the disk already. Fractions in the content keep about 16 digits; exact ones go in as text.
    ///
    /// # Errors
    /// `HR_FENCED` when another run has taken the number, `HR_CHECKPOINT_FAILED` when it cannot be written; the
    /// checkpoints before are as they were, and `put` may be tried again.
    pub fn put(&self, content: &Value) -> Result<u64> {
        let mut last = self.last();
        crash_point("before-manifest");
        loop {
            let sequence = *last + 1;
            let text = manifest::encode(sequence, &self.run, content);
            let name = manifest::file_name(sequence);
            let temporary = manifest::temporary_name(sequence, &self.run);
            match put_if_absent(&self.folder, &name, &temporary, text.as_bytes()) {
                Ok(()) => *last = sequence,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let found = self.read(sequence)?;
                    if found.run != self.run {
                        return Err(self.fenced(sequence));
                    }
                    // An earlier call wrote it and failed afterwards, so its number is used: up if the caller tries
                    // the same content again, and otherwise for what the caller has given up by now.
                    self.sync()?;
                    *last = sequence;
                    if found.content != *content {
                        continue;
                    }
                }
                Err(error) => {
                    return Err(Error::io(Code::CheckpointFailed, "write", &self.folder.join(name), &error));
                }
            }
            crash_point("after-manifest");
            return Ok(sequence);
        }
    }

    /// The newest checkpoint, with every state file that it names verified; `None` when there is none.
    /// O(bytes of its state files).
    ///
    /// # Errors
    /// `HR_CHECKPOINT_VERSION` when another version of headrace wrote it, `HR_CHECKPOINT_DAMAGED` when the manifest
    /// or a state file is missing or changed, `HR_IO` when they cannot be read.
    pub fn latest(&self) -> Result<Option<Latest>> {
        let Some(newest) = self.newest_checkpoint()? else { return Ok(None) };
        for listed in listed_files(&newest)? {
            if let Some(fault) = self.state.fault(&listed)? {
                return Err(damaged(newest.sequence, &fault));
            }
        }
        let marker = self.folder.join(manifest::marker_name(newest.sequence));
        let committed = marker.try_exists().map_err(|error| Error::io(Code::Io, "read", &marker, &error))?;
        Ok(Some(Latest { sequence: newest.sequence, committed, content: newest.content }))
    }

    /// Records, durably, that everything manifest `sequence` promised to sinks is committed.
    ///
    /// # Errors
    /// `HR_CHECKPOINT_FAILED` when the marker cannot be written.
    pub fn mark(&self, sequence: u64) -> Result<()> {
        crash_point("before-marker");
        let marker = self.folder.join(manifest::marker_name(sequence));
        let written = File::create(&marker).and_then(|file| file.sync_all());
        let durable = written.and_then(|()| sync_folder(&self.folder));
        durable.map_err(|error| Error::io(Code::CheckpointFailed, "write", &marker, &error))?;
        crash_point("after-marker");
        Ok(())
    }

    /// Removes the manifests below `keep` with their markers, and the state files that no manifest from `keep` on
    /// names, except those that may belong to a checkpoint in progress. The newest checkpoint stays, whatever
    /// `keep` is, and so does every file whose name is not of our scheme.
    ///
    /// # Errors
    /// `HR_FENCED` when a newer run holds the sequence, `HR_CHECKPOINT_DAMAGED` when a manifest cannot be read and
    /// what it names is not known, `HR_IO` when a file cannot be removed.
    pub fn retire(&self, keep: u64) -> Result<()> {
        let last = self.last();
        let sequences = self.sequences()?;
        if let Some(newer) = sequences.iter().find(|sequence| **sequence > *last) {
            return Err(self.fenced(*newer));
        }
        let newest = self.newest_checkpoint()?.map_or(*last, |newest| newest.sequence);
        let keep = keep.min(newest);
        let manifests = sequences.iter().map(|sequence| self.read(*sequence)).collect::<Result<Vec<_>>>()?;
        let mut referenced = garbage::References::default();
        for manifest in &manifests {
            referenced.add(listed_files(manifest)?, manifest.sequence >= keep);
        }
        let state_files = self.list(self.state.folder())?;
        let garbage = state_files.iter().filter(|name| referenced.is_garbage(name, self.inherited.contains(*name)));
        let old = |name: &String| manifest::sequence_of(name).or(manifest::marked_by(name)).is_some_and(|n| n < keep);
        // Manifests go first: a crash on the way may leave files that no manifest names, never the reverse.
        self.remove_all(&self.folder, self.list(&self.folder)?.iter().filter(|name| old(name)))?;
        self.remove_all(self.state.folder(), garbage)
    }

    /// Removes all manifests, markers and state files (`--fresh`); files whose names are not of our scheme stay. The
    /// sequence goes on with the next number.
    ///
    /// # Errors
    /// `HR_IO` when a file cannot be removed.
    pub fn clear(&self) -> Result<()> {
        // Holding the sequence keeps a manifest from being written meanwhile.
        let _last = self.last();
        let ours = |name: &String| manifest::sequence_of(name).or(manifest::marked_by(name)).is_some();
        self.remove_all(&self.folder, self.list(&self.folder)?.iter().filter(|name| ours(name)))?;
        let state_files = self.list(self.state.folder())?;
        self.remove_all(self.state.folder(), state_files.iter().filter(|name| garbage::is_ours(name)))
    }

    fn last(&self) -> MutexGuard<'_, u64> {
        // The number is whole at any time, so a panic elsewhere while it was held has not broken it.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fenced(&self, sequence: u64) -> Error {
        let name = manifest::file_name(sequence);
        Error::new(Code::Fenced, format!("another run has written {name} in '{}'", self.folder.display()))
            .hint("This run has been taken over and must stop; the newer run goes on from the last checkpoint.")
    }

    fn sync(&self) -> Result<()> {
        sync_folder(&self.folder).map_err(|error| Error::io(Code::CheckpointFailed, "write", &self.folder, &error))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        names(folder).map_err(|error| Error::io(Code::Io, "read", folder, &error))
    }

    /// The numbers of all manifests, rising.
    fn sequences(&self) -> Result<Vec<u64>> {
        let mut sequences: Vec<_> =
            self.list(&self.folder)?.iter().filter_map(|name| manifest::sequence_of(name)).collect();
        sequences.sort_unstable();
        Ok(sequences)
    }

    fn newest_checkpoint(&self) -> Result<Option<Manifest>> {
        for sequence in self.sequences()?.into_iter().rev() {
            let manifest = self.read(sequence)?;
            if !manifest.is_claim() {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    fn read(&self, sequence: u64) -> Result<Manifest> {
        let path = self.folder.join(manifest::file_name(sequence));
        match fs::read_to_string(&path) {
            Ok(text) => manifest::decode(sequence, &text),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(damaged(sequence, "is not text")),
            Err(error) => Err(Error::io(Code::Io, "read", &path, &error)),
        }
    }

    fn remove_all<'a>(&self, folder: &Path, names: impl Iterator<Item = &'a String>) -> Result<()> {
        for name in names {
            let path = folder.join(name);
            remove(&path).map_err(|error| Error::io(Code::Io, "remove", &path, &error))?;
        }
        sync_folder(folder).map_err(|error| Error::io(Code::Io, "write", folder, &error))
    }
}

/// The state files that a manifest lists; none when it has no `files`.
fn listed_files(manifest: &Manifest) -> Result<Vec<StoredFile>> {
    let Some(files) = manifest.content.get("files") else { return Ok(Vec::new()) };
    let listed = Vec::<StoredFile>::deserialize(files);
    listed.map_err(|error| damaged(manifest.sequence, &format!("has a list of files that is none: {error}")))
}

/// 16 hexadecimal digits that no other store has, for as good as certain: 64 bits from the system's randomness.
fn unique_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    hex(RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests;
