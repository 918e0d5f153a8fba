//! What may happen to the folder of the journal, and to single segments in it.

use std::fs;

use queue::JournalWriter;
use rustix::process::Signal;
use testkit::{QueueDir, until};

use crate::journal::support::{append, queue_anyhow, segments};
use crate::support::{Client, broadcaster};

/// Queues numbers until one comes to the client. Returns the next number, and which came.
fn until_one_comes(
    writer: &mut JournalWriter,
    queue: &QueueDir,
    client: &mut Client,
    mut number: usize,
    is_done: impl Fn() -> bool,
) -> (usize, usize) {
    until("queueing goes on", || {
        queue_anyhow(writer, queue, number);
        number += 1;
        is_done()
    });
    (number, client.payload().parse().unwrap())
}

#[test]
fn after_a_segment_was_deleted_under_its_producer_only_a_moment_is_lost() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    let mut next = 0;
    for _ in 0..5 {
        let first = append(&mut writer, &queue.path(), next).unwrap().segment;
        assert_eq!(client.payload(), next.to_string());
        next += 1;
        fs::remove_file(queue.path().join("journal").join(first.to_file_name())).unwrap();
        let mut segment = first;
        until("the producer has noticed", || {
            segment = append(&mut writer, &queue.path(), next).unwrap().segment;
            next += 1;
            segment != first
        });
        // Some of those may have been read through a descriptor that was open. The last one has another segment.
        while client.payload() != (next - 1).to_string() {}
    }
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty());
    assert!(broadcaster.log_lines("damaged").is_empty());
    broadcaster.stop();
}

#[test]
fn a_folder_of_the_journal_that_was_deleted_is_made_again_and_producers_use_files_meanwhile() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue.path(), 0).unwrap();
    assert_eq!(client.payload(), "0");
    broadcaster.signal(Signal::STOP);
    fs::remove_dir_all(queue.path().join("journal")).unwrap();
    let (next, _) = {
        let mut number = 1;
        until("the producer queues a file", || {
            queue_anyhow(&mut writer, &queue, number);
            number += 1;
            queue.waiting() > 0
        });
        (number, ())
    };
    broadcaster.signal(Signal::CONT);
    // The last one was queued as a file.
    while client.payload() != (next - 1).to_string() {}
    until("the folder is there again", || queue.path().join("journal").exists());
    append(&mut writer, &queue.path(), next).unwrap();
    assert_eq!(client.payload(), next.to_string());
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty() && queue.waiting() == 0);
    broadcaster.assert_idle();
    broadcaster.stop();
}

#[test]
fn a_queue_directory_that_was_replaced_is_used_by_producers_and_broadcaster() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue.path(), 0).unwrap();
    assert_eq!(client.payload(), "0");
    fs::rename(queue.path(), queue.root().join("old")).unwrap();
    queue::create_directory(&queue.path()).unwrap();
    let (next, _) = until_one_comes(&mut writer, &queue, &mut client, 1, || {
        broadcaster.log_lines("reading the new one").len() == 1 && !segments(&queue).is_empty()
    });
    let last = next;
    queue_anyhow(&mut writer, &queue, last);
    while client.payload() != last.to_string() {}
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty() && queue.waiting() == 0);
    broadcaster.stop();
}

#[test]
fn producers_use_files_when_an_older_broadcaster_reads_and_the_next_one_reads_both_in_order() {
    let queue = QueueDir::new();
    let mut newer = broadcaster::start(&queue.path());
    let mut client = Client::of(&newer);
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue.path(), 0).unwrap();
    assert_eq!(client.payload(), "0");
    drop(client);
    newer.stop();
    // Nobody reads, and what is queued waits.
    append(&mut writer, &queue.path(), 1).unwrap();
    let announcement = fs::read_to_string(queue.path().join(".reader")).unwrap();
    let older = announcement.replace(r#","journal""#, "");
    assert_ne!(announcement, older);
    fs::write(queue.path().join(".reader.new"), older).unwrap();
    fs::rename(queue.path().join(".reader.new"), queue.path().join(".reader")).unwrap();
    let mut next = 2;
    until("producers have noticed", || {
        queue_anyhow(&mut writer, &queue, next);
        next += 1;
        queue.waiting() == 3
    });
    let (mut newer, mut client) = broadcaster::with_first_client(&queue, &[]);
    for number in 1..next {
        assert_eq!(client.payload(), number.to_string());
    }
    append(&mut writer, &queue.path(), next).unwrap();
    assert_eq!(client.payload(), next.to_string());
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty() && queue.waiting() == 0);
    newer.stop();
}

#[test]
fn a_directory_that_is_deleted_under_load_costs_no_processor_time() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    for round in 1..=3 {
        broadcaster.signal(Signal::STOP);
        // So many that the source does not wait for reports any more.
        (0..200).for_each(|number| drop(append(&mut writer, &queue.path(), number).unwrap()));
        broadcaster.signal(Signal::CONT);
        (0..200).for_each(|number| assert_eq!(client.payload(), number.to_string()));
        fs::remove_dir_all(queue.path()).unwrap();
        until("it notices", || broadcaster.log_lines("queue directory is gone").len() == round);
        broadcaster.assert_idle();
        queue::create_directory(&queue.path()).unwrap();
        until("it reads again", || broadcaster.log_lines("reading the new one").len() == round);
        until("the journal is there", || append(&mut writer, &queue.path(), 0).is_ok());
        assert_eq!(client.payload(), "0");
    }
    broadcaster.stop();
}
