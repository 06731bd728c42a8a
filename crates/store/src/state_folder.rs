//! The folder of state files: immutable, named once, and shared between checkpoints.
#![expect(clippy::disallowed_methods, reason = "it writes and reads files")]

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use headrace_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::disk::{Checksummed, difference, is_plain_name, sync_folder};

/// The folder within the checkpoint folder.
const FOLDER: &str = "state";
/// A run's id has at least this many hexadecimal digits.
pub(crate) const RUN_DIGITS: usize = 8;

/// A file of a checkpoint, as its manifest lists it under `files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// The name in the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The xxh3-64 of its content, as 16 hexadecimal digits.
    pub checksum: String,
}

/// Where the state files of a checkpoint folder lie. Their names begin with `<run>-<checkpoint>-`, the run in
/// hexadecimal and the checkpoint in decimal digits; a file with another name is never removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// The state files of the checkpoint folder `checkpoints`.
    pub fn of(checkpoints: &Path) -> Self {
        StateFolder(checkpoints.join(FOLDER))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The path of a state file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a state file durably: `write` is given a writer that counts and hashes.
    ///
    /// # Errors
    /// `HR_CHECKPOINT_FAILED` naming the file, also when the name is taken; and what `write` fails with.
    pub fn write(&self, name: &str, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<StoredFile> {
        if owner(name).is_none() {
            return Err(Error::internal(format!("'{name}' is not a name for a state file")));
        }
        let path = self.path(name);
        let failed = |error| Error::io(Code::CheckpointFailed, "write", &path, &error);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        let mut output = Checksummed::new(std::io::BufWriter::new(file));
        write(&mut output)?;
        output.flush().map_err(failed)?;
        let synced = output.output.get_ref().sync_all().and_then(|()| sync_folder(&self.0));
        synced.map_err(failed)?;
        Ok(StoredFile { file: name.to_owned(), bytes: output.bytes, checksum: output.checksum() })
    }

    /// What is wrong with a listed file; `None` when it is there as it was written. O(bytes).
    ///
    /// # Errors
    /// `HR_IO` when the file cannot be read.
    pub(crate) fn fault(&self, listed: &StoredFile) -> Result<Option<String>> {
        let name = &listed.file;
        if !is_plain_name(name) {
            return Ok(Some(format!("names '{name}', which is no state file")));
        }
        let path = self.path(name);
        match difference(&path, listed.bytes, &listed.checksum) {
            Ok(fault) => Ok(fault.map(|fault| format!("needs the state file '{name}', which {fault}"))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Some(format!("needs the state file '{name}', which is missing")))
            }
            Err(error) => Err(Error::io(Code::Io, "read", &path, &error)),
        }
    }
}

/// The run and the checkpoint that a state file was written for; `None` for a name that is not of our scheme.
pub(crate) fn owner(name: &str) -> Option<(&str, u64)> {
    let (run, rest) = name.split_once('-')?;
    let (checkpoint, rest) = rest.split_once('-')?;
    let is_run = run.len() >= RUN_DIGITS && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = checkpoint.bytes().all(|byte| byte.is_ascii_digit());
    if is_run && is_number && !rest.is_empty() && is_plain_name(name) {
        Some((run, checkpoint.parse().ok()?))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_run_and_checkpoint() {
        assert_eq!(owner("00c0ffee-00000012-0001-3-keys.parquet"), Some(("00c0ffee", 12)));
        for foreign in ["notes.txt", "00c0ffee-12", "00c0ffee-12-", "c0ffee-12-x", "my-own-file", "00c0ffee-12-../x"] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_is_written_is_what_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let state = StateFolder::of(folder.path());
        let write = |output: &mut dyn Write| {
            output.write_all(b"abc").map_err(|error| Error::io(Code::Io, "write", Path::new("abc"), &error))
        };
        let listed = state.write("00c0ffee-1-x", write).unwrap();
        assert_eq!(std::fs::read(state.path("00c0ffee-1-x")).unwrap(), b"abc");
        assert_eq!((listed.bytes, listed.checksum.as_str()), (3, "78af5f94892f3950"));
        assert_eq!(state.fault(&listed).unwrap(), None);
        assert_eq!(state.write("00c0ffee-1-x", |_| Ok(())).unwrap_err().code(), Code::CheckpointFailed);
        assert_eq!(state.write("../00c0ffee-1-x", |_| Ok(())).unwrap_err().code(), Code::Internal);
    }
}
