use std::io::BufRead;

use serde_json::json;

use super::*;
use crate::testing;

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("an error").code()
}

/// Writes a state file of eight bytes and returns its entry for a manifest.
fn state_file(store: &LocalStore, name: &str) -> StoredFile {
    let write = |output: &mut dyn Write| {
        output.write_all(b"8 bytes.").map_err(|error| Error::io(Code::Io, "write", Path::new("state"), &error))
    };
    store.write_state(name, write).unwrap()
}

fn checkpoint(files: &[StoredFile]) -> Value {
    json!({ "kind": "checkpoint", "files": files })
}

fn state_names(store: &LocalStore) -> Vec<String> {
    names(store.state().folder()).unwrap()
}

#[test]
fn manifests_follow_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down");
    let store = LocalStore::open(&path).unwrap();
    assert_eq!(store.latest().unwrap(), None);
    assert_eq!(store.put(&json!({ "kind": "claim" })).unwrap(), 1);
    assert_eq!(store.latest().unwrap(), None);
    let content = checkpoint(&[state_file(&store, "00c0ffee-1-a")]);
    assert_eq!(store.put(&content).unwrap(), 2);
    assert_eq!(store.latest().unwrap(), Some(Latest { sequence: 2, committed: false, content: content.clone() }));
    store.mark(2).unwrap();
    drop(store);
    let store = LocalStore::open(&path).unwrap();
    assert_eq!(store.put(&json!({ "kind": "claim" })).unwrap(), 3);
    assert_eq!(store.latest().unwrap(), Some(Latest { sequence: 2, committed: true, content }));
}

#[test]
fn a_second_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    let error = LocalStore::open(folder.path()).err().unwrap();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.message().contains(&std::process::id().to_string()), "{error}");
    drop(store);
    LocalStore::open(folder.path()).unwrap();
}

/// Run by itself only as the other process: holds the folder until its input ends.
#[test]
fn holds_the_given_folder() {
    if let Some(folder) = testing::given_folder() {
        let _store = LocalStore::open(&folder).unwrap();
        fs::write(folder.join("held"), "").unwrap();
        std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    }
}

#[test]
fn another_process_is_named_and_its_death_frees_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = testing::process("local_store::tests::holds_the_given_folder", folder.path()).spawn().unwrap();
    while !folder.path().join("held").exists() {
        assert!(holder.try_wait().unwrap().is_none(), "the holder ended early");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let error = LocalStore::open(folder.path()).err().unwrap();
    assert_eq!(error.code(), Code::Locked);
    assert!(error.message().contains(&format!("process {}", holder.id())), "{error}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    LocalStore::open(folder.path()).unwrap();
}

/// Where locks do not work, as if the lock file had been removed, the sequence still lets only one run go on.
#[test]
fn who_loses_the_sequence_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let zombie = LocalStore::open(folder.path()).unwrap();
    zombie.put(&json!({ "kind": "claim" })).unwrap();
    fs::remove_file(folder.path().join("headrace.lock")).unwrap();
    let newer = LocalStore::open(folder.path()).unwrap();
    newer.put(&json!({ "kind": "claim" })).unwrap();
    let state = state_file(&newer, "aaaaaaaa-1-in-progress");
    assert_eq!(code(zombie.put(&checkpoint(&[]))), Code::Fenced);
    assert_eq!(zombie.latest().unwrap(), None);
    assert_eq!(code(zombie.put(&checkpoint(&[]))), Code::Fenced);
    assert_eq!(code(zombie.retire(9)), Code::Fenced);
    assert_eq!(newer.put(&checkpoint(&[state])).unwrap(), 3);
    assert_eq!(newer.latest().unwrap().unwrap().sequence, 3);
}

#[test]
fn a_put_that_failed_after_it_succeeded_may_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    // The manifest arrived, but the answer did not: the store does not count it as written.
    let arrived = |content| {
        let text = manifest::encode(1, &store.run, content);
        fs::write(folder.path().join(manifest::file_name(1)), text).unwrap();
    };
    arrived(&json!({ "n": 1 }));
    assert_eq!(store.put(&json!({ "n": 1 })).unwrap(), 1);
    *store.last() = 0;
    assert_eq!(store.put(&json!({ "n": 2 })).unwrap(), 2);
    assert_eq!(store.latest().unwrap().unwrap().content, json!({ "n": 2 }));
}

#[test]
fn damage_is_refused_with_a_way_out() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Code, Spoil); 7] = [
        ("state file missing", Code::CheckpointDamaged, |f| fs::remove_file(f.join("state/00c0ffee-1-a")).unwrap()),
        ("state file cut", Code::CheckpointDamaged, |f| fs::write(f.join("state/00c0ffee-1-a"), "8 byte").unwrap()),
        ("state file changed", Code::CheckpointDamaged, |f| {
            fs::write(f.join("state/00c0ffee-1-a"), "8 bites.").unwrap()
        }),
        ("manifest emptied", Code::CheckpointDamaged, |f| fs::write(f.join("manifest-0000000002.json"), "").unwrap()),
        ("manifest not text", Code::CheckpointDamaged, |f| {
            fs::write(f.join("manifest-0000000002.json"), [0xFF]).unwrap()
        }),
        ("manifest under another number", Code::CheckpointDamaged, |f| {
            fs::rename(f.join("manifest-0000000002.json"), f.join("manifest-0000000003.json")).unwrap();
        }),
        ("another version", Code::CheckpointVersion, |f| {
            fs::write(f.join("manifest-0000000003.json"), "{\"version\":2,\"content\":{}}\n").unwrap();
        }),
    ];
    for (what, expected, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        store.put(&checkpoint(&[])).unwrap();
        store.put(&checkpoint(&[state_file(&store, "00c0ffee-1-a")])).unwrap();
        spoil(folder.path());
        let error = store.latest().unwrap_err();
        assert_eq!(error.code(), expected, "{what}: {error}");
        assert!(error.to_string().contains("--fresh"), "{what}: {error}");
        store.clear().unwrap();
        assert_eq!(store.latest().unwrap(), None, "{what}");
    }
}

#[test]
fn lists_of_files_are_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    for files in
        [json!(3), json!([{ "file": "x" }]), json!([{ "file": "../headrace.lock", "bytes": 1, "checksum": "" }])]
    {
        store.put(&json!({ "files": files })).unwrap();
        assert_eq!(code(store.latest()), Code::CheckpointDamaged, "{files}");
    }
}

#[test]
fn retiring_removes_what_nobody_needs() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    state_file(&store, "dddddddd-00000001-orphan");
    drop(store);
    let store = LocalStore::open(folder.path()).unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    fs::write(store.state_path("notes.txt"), "").unwrap();
    let shared = state_file(&store, "aaaaaaaa-00000001-shared");
    let old = state_file(&store, "aaaaaaaa-00000001-old");
    store.put(&checkpoint(&[shared.clone(), old])).unwrap();
    store.mark(1).unwrap();
    state_file(&store, "aaaaaaaa-00000002-declined");
    let new = state_file(&store, "aaaaaaaa-00000003-new");
    store.put(&checkpoint(&[shared, new])).unwrap();
    store.mark(2).unwrap();
    state_file(&store, "aaaaaaaa-00000004-in-progress");
    state_file(&store, "bbbbbbbb-00000001-in-progress");
    store.retire(2).unwrap();
    let left = ["headrace.lock", "manifest-0000000002.json", "committed-0000000002", "notes.txt", "state"];
    let mut found = names(folder.path()).unwrap();
    found.sort_by_key(|name| left.iter().position(|left| left == name));
    assert_eq!(found, left);
    let left = [
        "aaaaaaaa-00000001-shared",
        "aaaaaaaa-00000003-new",
        "aaaaaaaa-00000004-in-progress",
        "bbbbbbbb-00000001-in-progress",
        "notes.txt",
    ];
    assert_eq!(state_names(&store), left);
    assert_eq!(store.latest().unwrap().unwrap().sequence, 2);
}

#[test]
fn retiring_never_takes_the_newest_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    store.put(&checkpoint(&[state_file(&store, "aaaaaaaa-1-x")])).unwrap();
    store.put(&json!({ "kind": "claim" })).unwrap();
    store.retire(100).unwrap();
    assert_eq!(store.latest().unwrap().unwrap().sequence, 1);
    assert_eq!(store.put(&json!({ "kind": "claim" })).unwrap(), 3);
}

#[test]
fn clearing_leaves_foreign_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    store.put(&checkpoint(&[state_file(&store, "aaaaaaaa-1-x")])).unwrap();
    store.mark(1).unwrap();
    fs::write(folder.path().join("manifest.txt"), "").unwrap();
    fs::write(store.state_path("mine"), "").unwrap();
    store.clear().unwrap();
    assert_eq!(names(folder.path()).unwrap(), ["headrace.lock", "manifest.txt", "state"]);
    assert_eq!(state_names(&store), ["mine"]);
    assert_eq!(store.put(&checkpoint(&[])).unwrap(), 2);
}

/// Run by itself only as the process that crashes: one checkpoint on top of what is there.
#[test]
fn checkpoints_into_the_given_folder() {
    if let Some(folder) = testing::given_folder() {
        let store = LocalStore::open(&folder).unwrap();
        let sequence = store.put(&json!({ "n": 2 })).unwrap();
        store.mark(sequence).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_crash_leaves_the_old_checkpoint_or_the_new_one() {
    let outcomes = [
        ("before-manifest", 1, true),
        ("after-manifest", 2, false),
        ("before-marker", 2, false),
        ("after-marker", 2, true),
    ];
    for (point, sequence, committed) in outcomes {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        store.put(&json!({ "n": 1 })).unwrap();
        store.mark(1).unwrap();
        drop(store);
        testing::crash_at(point, "local_store::tests::checkpoints_into_the_given_folder", folder.path());
        let store = LocalStore::open(folder.path()).unwrap();
        let latest = Latest { sequence, committed, content: json!({ "n": sequence }) };
        assert_eq!(store.latest().unwrap(), Some(latest), "{point}");
        assert_eq!(store.put(&json!({ "kind": "claim" })).unwrap(), sequence + 1, "{point}");
    }
}

#[test]
fn temporary_files_of_a_crash_are_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(manifest::temporary_name(1, "00c0ffee"));
    fs::write(&left, "half a manif").unwrap();
    let store = LocalStore::open(folder.path()).unwrap();
    assert!(!left.exists());
    assert_eq!(store.put(&checkpoint(&[])).unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_checkpoint_and_keeps_the_last() {
    let Some(disk) = testing::TinyDisk::mount(64 * 1024) else { return };
    let store = LocalStore::open(disk.folder()).unwrap();
    let good = checkpoint(&[state_file(&store, "aaaaaaaa-1-x")]);
    store.put(&good).unwrap();
    let error = store.put(&json!({ "text": "x".repeat(100_000) })).unwrap_err();
    assert_eq!(error.code(), Code::CheckpointFailed);
    assert!(error.to_string().contains("Free some space"), "{error}");
    let fill = |output: &mut dyn Write| {
        output
            .write_all(&[0; 100_000])
            .map_err(|error| Error::io(Code::CheckpointFailed, "write", Path::new("x"), &error))
    };
    assert_eq!(code(store.write_state("aaaaaaaa-2-x", fill)), Code::CheckpointFailed);
    assert_eq!(store.latest().unwrap().unwrap().content, good);
    fs::remove_file(store.state_path("aaaaaaaa-2-x")).unwrap();
    assert_eq!(store.put(&json!({ "n": 2 })).unwrap(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_said_to_be_one() {
    let Some(disk) = testing::TinyDisk::mount(64 * 1024) else { return };
    let store = LocalStore::open(disk.folder()).unwrap();
    store.put(&json!({ "n": 1 })).unwrap();
    drop(store);
    disk.remount("ro");
    let error = LocalStore::open(disk.folder()).err().unwrap();
    assert_eq!(error.code(), Code::Io);
    assert!(error.to_string().contains("read-only"), "{error}");
    disk.remount("rw");
    let store = LocalStore::open(disk.folder()).unwrap();
    assert_eq!(store.latest().unwrap().unwrap().sequence, 1);
}

#[test]
fn a_folder_that_vanishes_fails_the_checkpoint() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (parent.path().join("checkpoints"), parent.path().join("elsewhere"));
    let store = LocalStore::open(&folder).unwrap();
    fs::rename(&folder, &elsewhere).unwrap();
    assert_eq!(code(store.put(&checkpoint(&[]))), Code::CheckpointFailed);
    assert_eq!(code(store.mark(1)), Code::CheckpointFailed);
    fs::rename(&elsewhere, &folder).unwrap();
    assert_eq!(store.put(&checkpoint(&[])).unwrap(), 1);
}
