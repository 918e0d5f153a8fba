//! What may happen to the folder of the journal, and to single segments in it.

use std::fs;

use queue::JournalWriter;
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, until};

use crate::journal::support::{append, queue_anyhow, segments};
use crate::support::{Client, broadcaster};

/// A broadcaster, a client that has got the number 0, and the producer that has queued it as a record.
fn started() -> (QueueDir, Broadcaster, Client, JournalWriter) {
    let queue = QueueDir::new();
    let broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    append(&mut writer, &queue.path(), 0).unwrap();
    assert_eq!(client.payload(), "0");
    (queue, broadcaster, client, writer)
}

/// Reads until this number comes.
fn until_it_comes(client: &mut Client, number: usize) {
    while client.payload() != number.to_string() {}
}

/// Queues another number. It may come twice: where a segment was deleted, what was written last is written again.
fn assert_the_next_comes(writer: &mut JournalWriter, queue: &QueueDir, client: &mut Client, number: usize) {
    queue_anyhow(writer, queue, number);
    let mut came = client.payload();
    if came == (number - 1).to_string() {
        came = client.payload();
    }
    assert_eq!(came, number.to_string());
}

#[test]
fn after_a_segment_was_deleted_under_its_producer_only_a_moment_is_lost() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    queue_anyhow(&mut writer, &queue, 0);
    assert_eq!(client.payload(), "0");
    let mut next = 1;
    for _ in 0..5 {
        let first = append(&mut writer, &queue.path(), next).unwrap().segment;
        until_it_comes(&mut client, next);
        next += 1;
        fs::remove_file(queue.path().join("journal").join(first.to_file_name())).unwrap();
        let mut segment = first;
        until("the producer has noticed", || {
            segment = append(&mut writer, &queue.path(), next).unwrap().segment;
            next += 1;
            segment != first
        });
        // Some of those may have been read through a descriptor that was open. The last one has another segment.
        until_it_comes(&mut client, next - 1);
        assert_the_next_comes(&mut writer, &queue, &mut client, next);
        next += 1;
    }
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty());
    assert!(broadcaster.log_lines("damaged").is_empty());
    broadcaster.stop();
}

#[test]
fn a_folder_of_the_journal_that_was_deleted_is_made_again_and_producers_use_files_meanwhile() {
    let (queue, mut broadcaster, mut client, mut writer) = started();
    broadcaster.signal(Signal::STOP);
    fs::remove_dir_all(queue.path().join("journal")).unwrap();
    let mut next = 1;
    until("the producer queues a file", || {
        queue_anyhow(&mut writer, &queue, next);
        next += 1;
        queue.waiting() > 0
    });
    broadcaster.signal(Signal::CONT);
    until_it_comes(&mut client, next - 1);
    until("the folder is there again", || queue.path().join("journal").exists());
    append(&mut writer, &queue.path(), next).unwrap();
    until_it_comes(&mut client, next);
    assert_the_next_comes(&mut writer, &queue, &mut client, next + 1);
    drop(writer);
    until("everything is deleted", || segments(&queue).is_empty() && queue.waiting() == 0);
    broadcaster.assert_idle();
    broadcaster.stop();
}

#[test]
fn a_queue_directory_that_was_replaced_is_used_by_producers_and_broadcaster() {
    let (queue, mut broadcaster, mut client, mut writer) = started();
    fs::rename(queue.path(), queue.root().join("old")).unwrap();
    queue::create_directory(&queue.path()).unwrap();
    let mut next = 1;
    until("both use the new one", || {
        queue_anyhow(&mut writer, &queue, next);
        next += 1;
        broadcaster.log_lines("reading the new one").len() == 1 && !segments(&queue).is_empty()
    });
    queue_anyhow(&mut writer, &queue, next);
    until_it_comes(&mut client, next);
    assert_the_next_comes(&mut writer, &queue, &mut client, next + 1);
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
        for number in 0..200 {
            append(&mut writer, &queue.path(), number).unwrap();
        }
        broadcaster.signal(Signal::CONT);
        (0..200).for_each(|number| assert_eq!(client.payload(), number.to_string()));
        // What is acked meanwhile is written down there.
        until("it is deleted", || fs::remove_dir_all(queue.path()).is_ok());
        until("it notices", || broadcaster.log_lines("queue directory is gone").len() == round);
        broadcaster.assert_idle();
        queue::create_directory(&queue.path()).unwrap();
        until("it reads again", || broadcaster.log_lines("reading the new one").len() == round);
        until("the journal is there", || append(&mut writer, &queue.path(), 0).is_ok());
        assert_eq!(client.payload(), "0");
    }
    broadcaster.stop();
}
