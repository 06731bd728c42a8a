//! Running one test of this binary in a process of its own, so that it can hold locks and crash.

use std::path::Path;
use std::process::{Command, Stdio};

/// The folder that a test works on when it is run as another process.
pub(crate) const FOLDER: &str = "HEADRACE_TEST_FOLDER";

/// The command that runs the test `name` alone, on `folder`.
pub(crate) fn process(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]).env(FOLDER, folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The folder to work on; `None` in an ordinary test run.
pub(crate) fn given_folder() -> Option<std::path::PathBuf> {
    std::env::var_os(FOLDER).map(Into::into)
}

/// Runs the test `name` on `folder` with a crash point set, and asserts that it died of it.
#[cfg(unix)]
pub(crate) fn crash_at(point: &str, name: &str, folder: &Path) {
    use std::os::unix::process::ExitStatusExt;
    let status = process(name, folder).env("HEADRACE_CRASH_POINT", point).status().unwrap();
    assert!(status.signal().is_some(), "{name} did not reach {point}: {status}");
}

/// A file system of its own with room for `bytes`, mounted for the test; `None`, said aloud, where that is not
/// allowed.
#[cfg(target_os = "linux")]
pub(crate) struct TinyDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl TinyDisk {
    pub(crate) fn mount(bytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={bytes}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(TinyDisk(folder));
        }
        eprintln!("SKIPPED: mounting a tmpfs is not allowed here; run as root to test full and read-only disks");
        None
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

#[cfg(target_os = "linux")]
impl Drop for TinyDisk {
    fn drop(&mut self) {
        // Lazily, because a test that failed may still hold files.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}
