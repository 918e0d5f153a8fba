//! The journal on a disk that is full or read-only, and of a producer whose files may not grow.

use queue::JournalWriter;
use rustix::process::Signal;
use testkit::{QueueDir, has_root, until};

use crate::journal::producer::Appender;
use crate::journal::support::{append, append_text, segments};
use crate::journal::tally::Tally;
use crate::support::{Client, broadcaster};

#[test]
fn a_disk_that_is_full_again_and_again_loses_nothing_that_was_accepted() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("2m");
    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-events", "0"]);
    let mut client = Client::of(&broadcaster);
    let mut writers = [JournalWriter::new(), JournalWriter::new()];
    let (mut refused, mut number) = (0, 0);
    for round in 0..20 {
        broadcaster.signal(Signal::STOP);
        let mut accepted = Vec::new();
        loop {
            let filler = "x".repeat(if number % 10 == 0 { 64_000 } else { 300 });
            let payload = format!("[{number},\"{filler}\"]");
            number += 1;
            match append_text(&mut writers[number % 2], &queue.path(), &payload) {
                Ok(_) => accepted.push(payload),
                Err(error) => {
                    assert!(error.to_string().contains("No space left"), "{error}");
                    refused += 1;
                    // Smaller ones may still find room.
                    if refused > round * 20 + 20 {
                        break;
                    }
                }
            }
        }
        broadcaster.signal(Signal::CONT);
        for payload in accepted {
            assert!(client.payload() == payload, "round {round}: not the next one");
        }
    }
    // Something came only if it was accepted.
    let last = append(&mut writers[0], &queue.path(), number).unwrap();
    assert_eq!(client.payload(), number.to_string());
    drop(writers);
    until("everything is acked and deleted", || segments(&queue).is_empty());
    assert!(broadcaster.log_lines("damaged").is_empty(), "{last}");
    assert!(queue.failed().is_empty());
    broadcaster.stop();
}

#[test]
fn a_journal_on_a_read_only_file_system_repeats_nothing_and_is_deleted_when_that_is_writable() {
    if !has_root("to mount a file system") {
        return;
    }
    let queue = QueueDir::mounted("2m");
    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-events", "0"]);
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    let mut writer = JournalWriter::new();
    for number in 0..50 {
        append(&mut writer, &queue.path(), number).unwrap();
    }
    // A file that is open for writing keeps a file system from becoming read-only.
    drop(writer);
    queue.remount("ro");
    broadcaster.signal(Signal::CONT);
    (0..50).for_each(|number| assert_eq!(client.payload(), number.to_string()));
    broadcaster.await_log("cannot delete a delivered entry");
    let error = append(&mut JournalWriter::new(), &queue.path(), 50).unwrap_err();
    assert!(error.to_string().contains("Read-only file system"), "{error}");
    broadcaster.assert_idle();
    assert_eq!(segments(&queue).len(), 1);
    queue.remount("rw");
    until("everything is acked and deleted", || segments(&queue).is_empty());
    append(&mut JournalWriter::new(), &queue.path(), 51).unwrap();
    assert_eq!(client.payload(), "51", "and nothing came twice");
    assert_eq!(broadcaster.log_lines("cannot delete a delivered entry").len(), 1);
    broadcaster.stop();
}

#[test]
fn a_producer_whose_files_may_not_grow_gets_an_error_and_what_was_accepted_is_delivered() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-events", "0"]);
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    // Most writes that reach the limit are cut off. One of three large events at once finds no room in any segment.
    let mut appender = Appender::with_limit(queue.root(), &queue.path(), 3, 110_000);
    let error = appender.await_failure();
    // The second, if a record ends exactly at the limit.
    let told = ["No space left", "File too large"];
    assert!(error.iter().any(|line| told.iter().any(|text| line.contains(text))), "{error:#?}");
    broadcaster.signal(Signal::CONT);
    let mut tally = Tally::default();
    (0..appender.queued()).for_each(|_| tally.note(0, &client.payload()));
    tally.assert_in_order();
    until("everything is acked and deleted", || segments(&queue).is_empty() && queue.waiting() == 0);
    assert!(tally.received(3) == appender.queued() && tally.events > 100, "{tally:?}");
    assert!(broadcaster.log_lines("damaged").is_empty() && queue.failed().is_empty());
    broadcaster.stop();
}
