//! The lock that lets one process at a time hold a folder.
#![expect(clippy::disallowed_methods, reason = "it opens the lock's file")]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use headrace_core::{Code, Error, Result};

/// The locked file in the folder. The operating system releases the lock when the process ends, however it ends,
/// so the file may stay behind.
const LOCK_FILE: &str = "headrace.lock";

/// A held folder; dropping it releases the folder.
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// # Errors
    /// `HR_LOCKED` naming the process that holds the folder, `HR_IO` when the file cannot be locked at all.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let unlockable = |error| Error::io(Code::Io, "lock", &path, &error);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(unlockable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(folder, &mut file)),
            Err(TryLockError::Error(error)) => return Err(unlockable(error)),
        }
        // Whoever is refused reads the holder's process id from here.
        let record = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        record.and_then(|_| writeln!(file, "{}", std::process::id())).map_err(unlockable)?;
        Ok(FolderLock { _file: file })
    }
}

fn locked(folder: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // The holder may be about to write its id, or the system may not let a locked file be read.
    let holder = match file.read_to_string(&mut text).map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(pid)) => format!("process {pid}"),
        _ => "another process".to_owned(),
    };
    Error::new(Code::Locked, format!("the folder '{}' is held by {holder}", folder.display()))
        .hint("Wait until it has ended, or choose another folder.")
}
