//! Commands that only read leave no files: they often run as root, and the broadcaster might not open what root
//! created.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use testkit::{Finish as _, Process, QueueDir, has_root, until};

use crate::support::{BINARY, broadcaster, command};

/// Everything below a directory: owner, group, mode, size and time of modification.
fn tree(root: &Path) -> BTreeMap<PathBuf, [i64; 6]> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).unwrap() {
            folders
                .extend(Some(file.unwrap().path()).inspect(|path| note(&mut found, path)).filter(|path| path.is_dir()));
        }
    }
    note(&mut found, root);
    found
}

fn note(found: &mut BTreeMap<PathBuf, [i64; 6]>, path: &Path) {
    let of = fs::symlink_metadata(path).unwrap();
    let report =
        [of.uid().into(), of.gid().into(), of.mode().into(), of.size().cast_signed(), of.mtime(), of.mtime_nsec()];
    found.insert(path.to_owned(), report);
}

/// Every command that only reads. Nothing listens on port 1.
const LOOKS: [&[&str]; 22] = [
    &["doctor"],
    &["doctor", "--url", "ws://127.0.0.1:1/"],
    &["queue", "stat"],
    &["queue", "dump"],
    &["config", "check"],
    &["history", "stat"],
    &["history", "show"],
    &["history", "clear", "--help"],
    &["failed", "list"],
    &["failed", "show", "1.json"],
    &["listen", "ws://127.0.0.1:1/"],
    &["--help"],
    &["--version"],
    &["publish", "--help"],
    &["doctor", "--help"],
    &["queue", "--help"],
    &["failed", "--help"],
    &["failed", "drop", "--help"],
    &["token", "create"],
    &["token", "check", "x"],
    &["generate", "completion", "bash"],
    &["publish", "test", "this is no JSON"],
];

#[test]
fn every_command_that_only_looks_leaves_the_tree_as_it_was() {
    let queue = QueueDir::new();
    let missing = queue.root().join("missing/below/it");
    let with_entries = queue.root().join("with-entries");
    queue::create_directory(&with_entries).unwrap();
    queue::Writer::new(&with_entries).enqueue(br#""test""#, b"1").unwrap();
    fs::create_dir(with_entries.join("failed")).unwrap();
    fs::create_dir(with_entries.join("journal")).unwrap();
    // Its producer has ended.
    fs::write(with_entries.join("journal/019a3a5e-7f00-7000-8000-000000000000.seg"), "no record").unwrap();
    fs::write(with_entries.join("failed/1.json"), "garbage").unwrap();
    let before = tree(queue.root());
    for directory in [&queue.path(), &missing, &with_entries] {
        for look in LOOKS {
            let mut binary = command(BINARY);
            binary.args(look).arg("--queue").arg(directory).env("PHP", "/nowhere/php").current_dir(queue.root());
            let output = binary.finish();
            assert_eq!(tree(queue.root()), before, "{look:?} on {}: {output:?}", directory.display());
        }
    }
}

#[test]
fn an_event_of_the_doctor_that_nobody_reads_is_taken_back() {
    let (queue, other) = (QueueDir::new(), QueueDir::new());
    let mut broadcaster = broadcaster::start(&other.path());
    let before = tree(queue.root());
    let mut doctor = command(BINARY);
    doctor.args(["doctor", "--url", &format!("ws://{}/", broadcaster.address()), "--queue"]).arg(queue.path());
    let mut doctor = Process::spawn(doctor.env("PHP", "/nowhere/php"));
    // It is queued, and then the connection ends on which it was waited for.
    until("the event is queued", || queue.waiting() == 1);
    broadcaster.stop();
    assert_eq!(doctor.await_exit().code(), Some(1));
    let after = tree(queue.root());
    assert!(before.keys().eq(after.keys()), "{after:?}");
}

#[test]
fn the_broadcaster_of_another_user_starts_after_root_has_looked() {
    if !has_root("to be another user") {
        return;
    }
    let queue = QueueDir::new();
    queue.give_to(54_330, 54_330);
    // It could read no file of root's.
    queue.set_mode(0o700);
    for look in LOOKS {
        command(BINARY).args(look).arg("--queue").arg(queue.path()).env("PHP", "/nowhere/php").finish();
    }
    broadcaster::run_by(54_330, 54_330, &queue, &[]).stop();
}
