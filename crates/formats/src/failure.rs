//! How the failures of files and of the crates that decode them become errors of ours.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use headrace_core::{Code, Error, Result};

/// `HR_IO` naming the file, with what the user can do about it.
pub(crate) fn io_error(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::io(Code::Io, doing, path, error)
}

/// `HR_DATA_CORRUPT` naming the file.
pub(crate) fn corrupt_file(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::new(Code::DataCorrupt, format!("'{}' is not an intact Parquet file: {reason}", path.display()))
        .hint("Check that it was copied completely, or write it again.")
}

/// Runs a decoder over untrusted bytes. The decoders check their input and return errors; a panic of theirs is a
/// check that they lack, so it means the same as an error, and `corrupt` turns its message into one.
pub(crate) fn decoding<T>(corrupt: impl FnOnce(&str) -> Error, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    // Whoever decodes drops the decoder after an error, so no broken state is seen again.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|payload| Err(corrupt(panic_message(&*payload))))
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(message) => message,
        None => payload.downcast_ref::<&str>().unwrap_or(&"the decoder failed"),
    }
}
