//! The checkpoint store: a local folder, held by one process at a time, that keeps checkpoints durable.
//!
//! ```text
//! headrace.lock             held while a store is open; holds the holder's process id
//! manifest-0000000012.json  what a checkpoint consists of; the sequence of manifests is the fence
//! committed-0000000012      everything that manifest 12 promised to sinks has been delivered
//! state/                    the state files that manifests name: <run>-<checkpoint>-….<extension>
//! ```
//!
//! Every file of ours is recognised by its name; other files in the folder are never touched. Everything that
//! returns `Ok` is durable: the file and its name have been synced to the disk.

mod commit;
mod crash;
mod disk;
mod garbage;
mod local_store;
mod lock;
mod manifest;
mod state_folder;

pub use commit::{Committable, commit, discard, withdraw};
pub use crash::{crash_point, panic_point};
pub use local_store::{Latest, LocalStore};
pub use state_folder::{StateFolder, StoredFile};

#[cfg(test)]
mod testing;
