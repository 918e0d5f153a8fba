//! A system that has no inotify left for us, or drops what it should report.

use rustix::process::Signal;
use testkit::{Broadcaster, QueueDir, skipped, until};

use crate::support::{Client, broadcaster, without_inotify};

#[test]
fn without_inotify_the_directory_is_read_by_timer_and_the_processor_stays_idle() {
    let queue = QueueDir::new();
    let Some(shell) = without_inotify(&queue.path()) else { return };
    let mut broadcaster = Broadcaster::spawn(shell).listening();
    assert_eq!(broadcaster.log_lines("file system reports no changes").len(), 1);
    let mut client = Client::of(&broadcaster);
    for number in 0..20 {
        queue.enqueue(number);
        assert_eq!(client.payload(), number.to_string());
    }
    until("all are acked", || queue.waiting() == 0);
    broadcaster.assert_idle();
    assert_eq!(broadcaster.log_lines("file system reports no changes").len(), 1);
    broadcaster.stop();
}

#[test]
fn more_changes_than_the_system_reports_are_all_found_in_order() {
    let queue = QueueDir::in_memory();
    let Some(entries) = more_than_are_reported() else { return };
    let mut broadcaster = broadcaster::with(&queue.path(), &["--scan-interval-secs", "3600"]);
    let mut client = Client::of(&broadcaster);
    queue.enqueue(0);
    assert_eq!(client.payload(), "0");
    broadcaster.signal(Signal::STOP);
    (1..entries).for_each(|number| drop(queue.enqueue(number)));
    broadcaster.signal(Signal::CONT);
    for number in 1..entries {
        assert_eq!(client.payload(), number.to_string());
    }
    // And reports are believed again.
    queue.enqueue(entries);
    assert_eq!(client.payload(), entries.to_string());
    until("all are acked", || queue.waiting() == 0);
    broadcaster.stop();
}

#[test]
fn what_is_queued_after_reports_were_dropped_does_not_overtake_what_was_not_reported() {
    let queue = QueueDir::in_memory();
    let Some(entries) = more_than_are_reported() else { return };
    let mut broadcaster = broadcaster::with(&queue.path(), &["--scan-interval-secs", "3600"]);
    let mut client = Client::of(&broadcaster);
    broadcaster.signal(Signal::STOP);
    (0..entries).for_each(|number| drop(queue.enqueue(number)));
    broadcaster.signal(Signal::CONT);
    // There is room for reports again while those from before are read.
    let all = 2 * entries;
    std::thread::scope(|scope| {
        scope.spawn(|| (entries..all).for_each(|number| drop(queue.enqueue(number))));
        for number in 0..all {
            assert_eq!(client.payload(), number.to_string());
        }
    });
    until("all are acked", || queue.waiting() == 0);
    broadcaster.stop();
}

/// So many changes that the system drops the reports of some of them.
fn more_than_are_reported() -> Option<usize> {
    let reported: usize =
        std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    let entries = reported + 1000;
    if entries > 100_000 {
        skipped("needs an fs.inotify.max_queued_events that does not take minutes to exceed");
        return None;
    }
    Some(entries)
}
