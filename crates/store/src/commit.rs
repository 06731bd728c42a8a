//! Committing what the file sink prepared, and withdrawing what it did not commit.
#![expect(clippy::disallowed_methods, reason = "it renames files")]

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use headrace_core::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use crate::crash_point;
use crate::disk::{difference, is_plain_name, names, remove, sync_folder};
use crate::state_folder::RUN_DIGITS;

/// A file that a sink prepared for a checkpoint: durable under its pending name, to appear under its final one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committable {
    /// The sink's uid.
    pub uid: String,
    /// The subtask that wrote it.
    pub subtask: u32,
    /// The folder in which both names lie.
    pub folder: String,
    /// The name before the commit.
    pub pending: String,
    /// The name after it.
    pub r#final: String,
    /// Its rows; a file without any is there for its schema, in case that the whole sink has had none.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// The xxh3-64 of its content, as 16 hexadecimal digits.
    pub checksum: String,
}

/// Renames each pending file to its final name and makes that durable. Whatever was committed before, by this call
/// or one that was cut short, is recognised by length and checksum and left alone.
///
/// # Errors
/// `HR_COMMIT_FAILED` when a file is there under neither name, or is not the one that was prepared; the files before
/// it may be committed already, and the call may be repeated.
pub fn commit(committables: &[Committable]) -> Result<()> {
    let mut folders = BTreeSet::new();
    for (at, committable) in committables.iter().enumerate() {
        if at > 0 {
            crash_point("between-renames");
        }
        commit_one(committable)?;
        folders.insert(&committable.folder);
    }
    for folder in folders.into_iter().map(Path::new) {
        sync_folder(folder).map_err(|error| Error::io(Code::CommitFailed, "write", folder, &error))?;
    }
    Ok(())
}

fn commit_one(committable: &Committable) -> Result<()> {
    let Committable { folder, pending, r#final, bytes, checksum, .. } = committable;
    if !is_plain_name(pending) || !is_plain_name(r#final) {
        return Err(failed(&format!("'{pending}' or '{final}' is not the name of a file", r#final = r#final)));
    }
    let (pending, r#final) = (Path::new(folder).join(pending), Path::new(folder).join(r#final));
    match difference(&r#final, *bytes, checksum) {
        Ok(None) => return Ok(()),
        Ok(Some(fault)) => return Err(failed(&format!("'{}' is there already, and {fault}", r#final.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io(Code::CommitFailed, "read", &r#final, &error)),
    }
    match fs::metadata(&pending) {
        Ok(found) if found.len() == *bytes => {}
        Ok(found) => {
            return Err(failed(&format!("'{}' has {} bytes instead of {bytes}", pending.display(), found.len())));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(failed(&format!(
                "'{}' is there under neither its pending nor its final name",
                r#final.display()
            )));
        }
        Err(error) => return Err(Error::io(Code::CommitFailed, "read", &pending, &error)),
    }
    fs::rename(&pending, &r#final).map_err(|error| Error::io(Code::CommitFailed, "rename", &pending, &error))
}

fn failed(reason: &str) -> Error {
    Error::new(Code::CommitFailed, format!("a file that a checkpoint promised cannot be committed: {reason}"))
        .hint("Put the file back if it was moved or changed, or start over with --fresh.")
}

/// Removes pending files that nobody needs after all; those that are gone count as removed. A crash before it leaves
/// nothing but files that [`withdraw`] removes.
///
/// # Errors
/// `HR_IO` when a file cannot be removed, `HR_COMMIT_FAILED` when a name is not that of a file.
pub fn discard(committables: &[Committable]) -> Result<()> {
    for Committable { folder, pending, .. } in committables {
        if !is_plain_name(pending) {
            return Err(failed(&format!("'{pending}' is not the name of a file")));
        }
        let path = Path::new(folder).join(pending);
        remove(&path).map_err(|error| Error::io(Code::Io, "remove", &path, &error))?;
    }
    Ok(())
}

/// Removes the part files of headrace in `folder`, pending or not, whose final name is not in `keep`, and returns the
/// names of what it removed. Files of any other name stay; a folder that is not there holds none.
///
/// # Errors
/// `HR_IO` when a file cannot be removed.
pub fn withdraw(folder: &Path, keep: &[String]) -> Result<Vec<String>> {
    let keep: BTreeSet<&str> = keep.iter().map(String::as_str).collect();
    let mut removed = match names(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(Code::Io, "read", folder, &error)),
    };
    removed.retain(|name| final_name(name).is_some_and(|name| !keep.contains(name)));
    for name in &removed {
        let path = folder.join(name);
        remove(&path).map_err(|error| Error::io(Code::Io, "remove", &path, &error))?;
    }
    if !removed.is_empty() {
        sync_folder(folder).map_err(|error| Error::io(Code::Io, "write", folder, &error))?;
    }
    Ok(removed)
}

/// The final name of a part file, `part-<run>-<epoch>-<subtask>.parquet`, from that or from its pending name; `None`
/// for a name that is not of this scheme.
fn final_name(name: &str) -> Option<&str> {
    let r#final = name.strip_suffix(".pending").unwrap_or(name);
    let mut parts = r#final.strip_prefix("part-")?.strip_suffix(".parquet")?.split('-');
    let (run, epoch, subtask) = (parts.next()?, parts.next()?, parts.next()?);
    let is_run = run.len() >= RUN_DIGITS && run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = |text: &str, digits| text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    let ours = is_run && is_number(epoch, 8) && is_number(subtask, 4) && parts.next().is_none();
    if ours { Some(r#final) } else { None }
}

#[cfg(test)]
mod tests;
