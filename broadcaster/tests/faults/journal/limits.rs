//! Very many segments, and a system that lacks something.

use queue::JournalWriter;
use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, until};

use crate::journal::support::{append, leave_segment, segments};
use crate::support::{BINARY, Client, arguments, broadcaster, command, without_inotify};
use crate::torture::number;

fn assert_all_come(client: &mut Client, numbers: std::ops::Range<usize>) {
    let expected = numbers.clone();
    let mut came: Vec<usize> = numbers.map(|_| client.payload().parse().unwrap()).collect();
    came.sort_unstable();
    assert!(came.into_iter().eq(expected));
}

#[test]
fn without_inotify_the_journal_is_read_by_timer_and_the_processor_stays_idle() {
    let queue = QueueDir::new();
    let Some(shell) = without_inotify(&queue.path()) else { return };
    let mut broadcaster = Broadcaster::spawn(shell).listening();
    let mut client = Client::of(&broadcaster);
    let mut writer = JournalWriter::new();
    for number in 0..200 {
        append(&mut writer, &queue.path(), number).unwrap();
        assert_eq!(client.payload(), number.to_string());
    }
    broadcaster.assert_idle();
    drop(writer);
    until("all are acked", || segments(&queue).is_empty());
    broadcaster.stop();
}

#[test]
fn more_live_segments_than_may_be_open_are_read_all_the_same() {
    const WRITERS: usize = 700;
    let queue = QueueDir::in_memory();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    let mut writers: Vec<JournalWriter> = (0..WRITERS).map(|_| JournalWriter::new()).collect();
    for round in 0..3 {
        for (index, writer) in writers.iter_mut().enumerate() {
            append(writer, &queue.path(), round * WRITERS + index).unwrap();
        }
        assert_all_come(&mut client, round * WRITERS..(round + 1) * WRITERS);
    }
    assert!(segments(&queue).len() >= WRITERS);
    assert!(broadcaster.descriptors() < 600, "{}", broadcaster.descriptors());
    broadcaster.assert_idle();
    drop(writers);
    until("all are acked and deleted", || segments(&queue).is_empty());
    broadcaster.stop();
}

#[test]
fn with_few_descriptors_segments_are_opened_in_turns() {
    const WRITERS: usize = 200;
    let queue = QueueDir::in_memory();
    let mut shell = command("sh");
    shell.args(["-c", "ulimit -n 80 && exec \"$0\" \"$@\"", BINARY]).args(arguments(&queue.path()));
    let mut broadcaster = Broadcaster::spawn(shell).listening();
    let mut client = Client::of(&broadcaster);
    let mut writers: Vec<JournalWriter> = (0..WRITERS).map(|_| JournalWriter::new()).collect();
    for round in 0..3 {
        for (index, writer) in writers.iter_mut().enumerate() {
            append(writer, &queue.path(), round * WRITERS + index).unwrap();
        }
        assert_all_come(&mut client, round * WRITERS..(round + 1) * WRITERS);
    }
    // Files of the directory and clients find room as well.
    queue.enqueue(600);
    assert_eq!(client.payload(), "600");
    let mut second = Client::of(&broadcaster);
    append(&mut writers[0], &queue.path(), 601).unwrap();
    assert_eq!((client.payload(), second.payload()), ("601".to_owned(), "601".to_owned()));
    broadcaster.assert_idle();
    drop(writers);
    until("all are acked and deleted", || segments(&queue).is_empty());
    assert!(broadcaster.log_lines("cannot read").is_empty(), "{:?}", broadcaster.log_lines("cannot read"));
    broadcaster.stop();
}

#[test]
fn very_many_segments_that_were_left_behind_are_read_in_order_and_deleted() {
    let count = number("LEFT_SEGMENTS", 20_000);
    let queue = QueueDir::in_memory();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--history-events", "0"]);
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    (0..count).for_each(|number| leave_segment(&queue, number));
    let began = std::time::Instant::now();
    broadcaster.signal(Signal::CONT);
    for number in 0..count {
        assert_eq!(client.payload(), number.to_string());
    }
    until("all are deleted", || segments(&queue).is_empty());
    eprintln!("{count} segments in {:.2} s", began.elapsed().as_secs_f64());
    assert!(broadcaster.descriptors() < 600);
    broadcaster.stop();
}
