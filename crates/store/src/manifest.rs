//! The manifest file: what a checkpoint consists of, wrapped with what protects it.
//!
//! `{"version":1,"sequence":12,"run":"…","checksum":"…","content":…}` in exactly this form, and a line break. The
//! checksum is the xxh3-64 over version, sequence, run and the text of the content.

use headrace_core::{Code, Error, Result};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::hex;

/// The version of the format.
const VERSION: u64 = 1;
const MANIFEST: &str = "manifest-";
const MARKER: &str = "committed-";

/// A manifest as read.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) sequence: u64,
    /// The store that wrote it.
    pub(crate) run: String,
    pub(crate) content: Value,
}

impl Manifest {
    /// Whether the manifest only claims a number of the sequence and is no checkpoint.
    pub(crate) fn is_claim(&self) -> bool {
        self.content.get("kind").and_then(Value::as_str) == Some("claim")
    }
}

/// The name of a manifest's file.
pub(crate) fn file_name(sequence: u64) -> String {
    format!("{MANIFEST}{sequence:010}.json")
}

/// The name under which a store writes a manifest before it links it.
pub(crate) fn temporary_name(sequence: u64, run: &str) -> String {
    format!("{}.{run}.tmp", file_name(sequence))
}

/// The name of the marker of a manifest whose committables are committed.
pub(crate) fn marker_name(sequence: u64) -> String {
    format!("{MARKER}{sequence:010}")
}

/// The sequence number in a manifest's file name.
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    number(name.strip_prefix(MANIFEST)?.strip_suffix(".json")?)
}

/// The sequence number in a marker's name.
pub(crate) fn marked_by(name: &str) -> Option<u64> {
    number(name.strip_prefix(MARKER)?)
}

/// Whether the name is one of [`temporary_name`].
pub(crate) fn is_temporary(name: &str) -> bool {
    let parts = name.strip_prefix(MANIFEST).and_then(|rest| rest.strip_suffix(".tmp")?.split_once(".json."));
    parts.is_some_and(|(digits, run)| number(digits).is_some() && run.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn number(digits: &str) -> Option<u64> {
    let canonical = digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { digits.parse().ok() } else { None }
}

/// The text of a manifest's file.
pub(crate) fn encode(sequence: u64, run: &str, content: &Value) -> String {
    let content = content.to_string();
    format!("{}{content}{SUFFIX}", prefix(sequence, run, &content))
}

const SUFFIX: &str = "}\n";

fn prefix(sequence: u64, run: &str, content: &str) -> String {
    let checksum = hex(xxh3_64(format!("{VERSION} {sequence} {run} {content}").as_bytes()));
    format!(r#"{{"version":{VERSION},"sequence":{sequence},"run":"{run}","checksum":"{checksum}","content":"#)
}

/// The manifest in the file of that sequence number.
///
/// # Errors
/// `HR_CHECKPOINT_VERSION` for another version of the format, `HR_CHECKPOINT_DAMAGED` when it was changed.
pub(crate) fn decode(sequence: u64, text: &str) -> Result<Manifest> {
    let whole: Value =
        serde_json::from_str(text).map_err(|error| damaged(sequence, &format!("is not JSON: {error}")))?;
    match whole.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        Some(version) => return Err(other_version(sequence, version)),
        None => return Err(damaged(sequence, "has no version")),
    }
    let run = whole.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    // Everything before the content has a fixed length once sequence and run are known, and so the text of the
    // content, over which the checksum goes, is found without parsing it twice.
    let content = text.get(prefix(sequence, &run, "").len()..).and_then(|rest| rest.strip_suffix(SUFFIX));
    match content {
        Some(content) if text.starts_with(&prefix(sequence, &run, content)) => {
            let content = serde_json::from_str(content).map_err(|error| damaged(sequence, &error.to_string()))?;
            Ok(Manifest { sequence, run, content })
        }
        _ => Err(damaged(sequence, "does not match its checksum")),
    }
}

fn other_version(sequence: u64, version: u64) -> Error {
    let message = format!("{} is of version {version}; this headrace reads version {VERSION}", file_name(sequence));
    Error::new(Code::CheckpointVersion, message)
        .hint("Finish the job with the version that began it, or start over with --fresh.")
}

/// `HR_CHECKPOINT_DAMAGED`: what is wrong with a manifest, and that there is no silent way back.
pub(crate) fn damaged(sequence: u64, reason: &str) -> Error {
    let hint = "Its results may have been committed already, so an older checkpoint cannot take its place. Restore \
                the folder from a backup, or start over with --fresh.";
    Error::new(Code::CheckpointDamaged, format!("{} {reason}", file_name(sequence))).hint(hint)
}

#[cfg(test)]
mod tests;
