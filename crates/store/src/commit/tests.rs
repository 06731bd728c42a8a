use std::path::PathBuf;

use super::*;
use crate::disk::file_checksum;
use crate::testing;

/// Three pending files in the folder, as a sink leaves them.
fn prepare(folder: &Path) -> Vec<Committable> {
    (0..3).map(|subtask| prepare_one(folder, subtask)).collect()
}

fn prepare_one(folder: &Path, subtask: u32) -> Committable {
    let name = format!("part-00c0ffee-00000001-{subtask:04}.parquet");
    let pending = format!("{name}.pending");
    let path = folder.join(&pending);
    fs::write(&path, format!("rows of {subtask}")).unwrap();
    Committable {
        uid: "sink".to_owned(),
        subtask,
        folder: folder.to_str().unwrap().to_owned(),
        pending,
        r#final: name,
        rows: 1,
        bytes: 9,
        checksum: file_checksum(&path).unwrap(),
    }
}

fn listing(folder: &Path) -> Vec<String> {
    names(folder).unwrap()
}

fn finals(committables: &[Committable]) -> Vec<String> {
    committables.iter().map(|committable| committable.r#final.clone()).collect()
}

#[test]
fn committing_twice_is_committing_once() {
    let folder = tempfile::tempdir().unwrap();
    let committables = prepare(folder.path());
    commit(&committables).unwrap();
    assert_eq!(listing(folder.path()), finals(&committables));
    assert_eq!(fs::read_to_string(folder.path().join(&committables[2].r#final)).unwrap(), "rows of 2");
    commit(&committables).unwrap();
    assert_eq!(listing(folder.path()), finals(&committables));
}

#[test]
fn what_is_discarded_is_gone_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let committables = prepare(folder.path());
    commit(&committables[..1]).unwrap();
    // The first one is no longer pending: a committed file stays.
    discard(&committables[..2]).unwrap();
    discard(&committables[..2]).unwrap();
    assert_eq!(listing(folder.path()), [committables[0].r#final.clone(), committables[2].pending.clone()]);
    let elsewhere = Committable { pending: "../part".to_owned(), ..committables[0].clone() };
    assert_eq!(discard(&[elsewhere]).unwrap_err().code(), Code::CommitFailed);
}

#[test]
fn what_is_missing_or_different_is_refused() {
    type Spoil = fn(PathBuf, PathBuf);
    let spoil: [(&str, Spoil); 4] = [
        ("missing", |pending, _| fs::remove_file(pending).unwrap()),
        ("cut", |pending, _| fs::write(pending, "rows").unwrap()),
        ("another file of this length", |_, r#final| fs::write(r#final, "rows of 9").unwrap()),
        ("another file", |_, r#final| fs::write(r#final, "").unwrap()),
    ];
    for (what, spoil) in spoil {
        let folder = tempfile::tempdir().unwrap();
        let committable = prepare_one(folder.path(), 0);
        spoil(folder.path().join(&committable.pending), folder.path().join(&committable.r#final));
        let before = listing(folder.path());
        let error = commit(&[committable]).unwrap_err();
        assert_eq!(error.code(), Code::CommitFailed, "{what}");
        assert!(error.message().contains("part-00c0ffee-00000001-0000.parquet"), "{error}");
        assert_eq!(listing(folder.path()), before, "{what}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut committable = prepare_one(folder.path(), 0);
    committable.r#final = "../elsewhere".to_owned();
    assert_eq!(commit(&[committable]).unwrap_err().code(), Code::CommitFailed);
}

/// Run by itself only as the process that crashes.
#[test]
fn commits_what_lies_in_the_given_folder() {
    if let Some(folder) = testing::given_folder() {
        let committables: Vec<_> =
            serde_json::from_slice(&fs::read(folder.join("committables.json")).unwrap()).unwrap();
        commit(&committables).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_crash_between_renames_is_made_good() {
    for (hit, renamed) in [(1, 1), (2, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let committables = prepare(folder.path());
        fs::write(folder.path().join("committables.json"), serde_json::to_vec(&committables).unwrap()).unwrap();
        let point = format!("between-renames:{hit}");
        testing::crash_at(&point, "commit::tests::commits_what_lies_in_the_given_folder", folder.path());
        let committed = listing(folder.path()).iter().filter(|name| name.ends_with(".parquet")).count();
        assert_eq!(committed, renamed);
        commit(&committables).unwrap();
        fs::remove_file(folder.path().join("committables.json")).unwrap();
        assert_eq!(listing(folder.path()), finals(&committables));
    }
}

#[test]
fn only_our_files_outside_the_lineage_are_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let ours = [
        "part-00c0ffee-00000001-0000.parquet",
        "part-00c0ffee-00000002-0000.parquet",
        "part-00c0ffee-00000003-0000.parquet.pending",
        "part-00c0ffee-00000004-0000.parquet.pending",
        "part-00c0ffee00c0ffee-123456789-12345.parquet",
    ];
    let foreign = [
        "notes.txt",
        "part-0.parquet",
        "part-00c0ffee-00000001-0000-x.parquet",
        "part-00c0ffee-00000001-0000.parquet.bak",
        "part-00c0ffee-1-0000.parquet",
        "part-c0ffee-00000001-0000.parquet",
        "part-nothex00-00000001-0000.parquet",
        "mypart-00c0ffee-00000001-0000.parquet",
    ];
    for name in ours.iter().chain(&foreign) {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let keep = ["part-00c0ffee-00000001-0000.parquet".to_owned(), "part-00c0ffee-00000003-0000.parquet".to_owned()];
    let removed = withdraw(folder.path(), &keep).unwrap();
    assert_eq!(removed, [ours[1], ours[3], ours[4]]);
    let mut left: Vec<_> = foreign.iter().chain([&ours[0], &ours[2]]).map(|name| (*name).to_owned()).collect();
    left.sort_unstable();
    assert_eq!(listing(folder.path()), left);
    assert_eq!(withdraw(&folder.path().join("missing"), &keep).unwrap(), [""; 0]);
}
