//! A disk that is full, and one that becomes read-only.

use std::fs;
use std::path::Path;

use queue::EnqueueError;
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, has_root, until};

use crate::support::{Client, broadcaster};

/// Fills what is left of the file system.
fn fill(queue: &QueueDir) -> std::path::PathBuf {
    use std::io::Write;

    let path = queue.root().join("filler");
    let mut filler = fs::File::create(&path).unwrap();
    for size in [65_536, 4096] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
    path
}

#[test]
fn a_producer_on_a_full_disk_gets_an_error_and_leaves_nothing() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("256k");
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let filler = fill(&queue);
    let error = queue.try_enqueue(format!("\"{}\"", "x".repeat(10_000))).unwrap_err();
    assert!(matches!(&error, EnqueueError::Write { .. }), "{error}");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(queue.names(), [".lock", ".reader", "history", "journal"]);
    fs::remove_file(filler).unwrap();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}

#[test]
fn a_bad_entry_on_a_full_disk_stays_and_is_put_aside_when_there_is_room() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("256k");
    let mut broadcaster = broadcaster::with(&queue.path(), &["--entry-grace-secs", "0.05"]);
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    queue.write("1.json", "garbage");
    // The reason, which goes beside it, finds no room.
    let filler = fill(&queue);
    broadcaster.signal(Signal::CONT);
    broadcaster.await_log("cannot be put aside");
    broadcaster.assert_idle();
    assert_eq!(fs::read_to_string(queue.path().join("1.json")).unwrap(), "garbage");
    fs::remove_file(filler).unwrap();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    until("it is put aside", || queue.path().join("failed/1.json").exists());
    assert!(!queue.path().join("1.json").exists());
    assert_eq!(broadcaster.log_lines("cannot be put aside").len(), 1);
    broadcaster.stop();
}

/// Starts one that has no file open there for writing, which would keep the file system from becoming read-only.
fn without_open_files(queue: &Path) -> Broadcaster {
    broadcaster::with(queue, &["--history-events", "0"])
}

#[test]
fn a_read_only_file_system_repeats_nothing_and_is_cleared_up_when_it_is_writable() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("2m");
    let mut broadcaster = without_open_files(&queue.path());
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    (0..50).for_each(|number| drop(queue.enqueue(number)));
    queue.remount("ro");
    broadcaster.signal(Signal::CONT);
    for number in 0..50 {
        assert_eq!(client.payload(), number.to_string());
    }
    broadcaster.await_log("cannot delete a delivered entry");
    assert!(queue.try_enqueue(50).unwrap_err().to_string().contains("Read-only file system"));
    broadcaster.assert_idle();
    assert_eq!(queue.waiting(), 50);
    queue.remount("rw");
    until("all entries are acked", || queue.waiting() == 0);
    queue.enqueue("\"after\"");
    assert_eq!(client.payload(), "\"after\"", "and nothing came twice");
    assert_eq!(broadcaster.log_lines("cannot delete a delivered entry").len(), 1);
    broadcaster.stop();
}

#[test]
fn a_broadcaster_on_a_read_only_file_system_can_be_stopped() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("2m");
    let mut broadcaster = without_open_files(&queue.path());
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    (0..3).for_each(|number| drop(queue.enqueue(number)));
    queue.remount("ro");
    broadcaster.signal(Signal::CONT);
    (0..3).for_each(|number| assert_eq!(client.payload(), number.to_string()));
    broadcaster.await_log("cannot delete a delivered entry");
    drop(client);
    broadcaster.stop();
    assert_eq!(queue.waiting(), 3, "they are sent again by the next");
}
