//! Durable files: what is written survives a power cut, and so does its name.
#![expect(clippy::disallowed_methods, reason = "it reads, writes and removes files")]

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

/// Files are read in pieces of this many bytes to be hashed.
const READ_BYTES: usize = 256 * 1024;

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix opens folders as files; elsewhere the file system alone decides when names become durable.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Writes a file under a name that must not be taken; `AlreadyExists` if it is. The file appears under its name
/// complete or not at all: it is written and synced under `temporary` first, and then linked, which unlike a rename
/// never replaces a file.
pub(crate) fn put_if_absent(folder: &Path, name: &str, temporary: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(temporary);
    let written = write_synced(&temporary, content).and_then(|()| fs::hard_link(&temporary, folder.join(name)));
    // A temporary file that cannot be removed is in nobody's way; it is removed when the store is opened again.
    let removed = fs::remove_file(&temporary);
    written.and(removed)?;
    sync_folder(folder)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Removes a file; one that is not there counts as removed.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names in a folder, sorted; names that are not Unicode are none of ours and left out.
pub(crate) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// A writer that counts and hashes what goes through.
pub(crate) struct Checksummed<W> {
    pub(crate) output: W,
    pub(crate) bytes: u64,
    hash: Xxh3Default,
}

impl<W> Checksummed<W> {
    pub(crate) fn new(output: W) -> Self {
        Checksummed { output, bytes: 0, hash: Xxh3Default::new() }
    }

    /// The xxh3-64 of everything so far, as 16 hexadecimal digits.
    pub(crate) fn checksum(&self) -> String {
        hex(self.hash.digest())
    }
}

impl<W: Write> Write for Checksummed<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.output.write(data)?;
        self.hash.update(data.get(..written).unwrap_or(data));
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The xxh3-64 of a file's content, as 16 hexadecimal digits.
pub(crate) fn file_checksum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Xxh3Default::new();
    let mut piece = vec![0; READ_BYTES];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hex(hash.digest())),
            Ok(read) => hash.update(piece.get(..read).unwrap_or(&piece)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How a file differs from what was recorded of it; `None` when it does not.
pub(crate) fn difference(path: &Path, bytes: u64, checksum: &str) -> io::Result<Option<String>> {
    let found = fs::metadata(path)?.len();
    if found != bytes {
        return Ok(Some(format!("has {found} bytes instead of {bytes}")));
    }
    let same = file_checksum(path)? == checksum;
    Ok(if same { None } else { Some("has another content than was written".to_owned()) })
}

pub(crate) fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// Whether a name is one file in a folder, and not a path that leads elsewhere.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}
