//! More entries than fit anywhere: memory stays bounded, the clients set the pace, and no client that reads is
//! disconnected.

use testkit::{QueueDir, until};

use crate::support::broadcaster;

#[test]
fn a_backlog_of_200_000_entries_reaches_a_reading_client_in_order_with_bounded_memory() {
    const ENTRIES: usize = 200_000;
    /// Names of a quarter of a million entries, and the log, and what the program takes by itself.
    const BOUND_KB: u64 = 128 * 1024;
    let queue = QueueDir::in_memory();
    (0..ENTRIES).for_each(|number| drop(queue.enqueue(number)));
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &[]);
    for number in 0..ENTRIES {
        assert_eq!(client.payload(), number.to_string());
    }
    until("the directory is empty", || queue.waiting() == 0);
    let most = broadcaster.memory_kb("VmHWM");
    eprintln!("most memory: {most} kB");
    assert!(most < BOUND_KB, "{most} kB");
    broadcaster.stop();
}

#[test]
fn the_backlog_waits_on_disk_while_a_client_reads_slowly() {
    const ENTRIES: usize = 3000;
    let queue = QueueDir::in_memory();
    let filler = "x".repeat(20_000);
    (0..ENTRIES).for_each(|number| drop(queue.enqueue(format!("[{number},\"{filler}\"]"))));
    let flags = ["--log-bytes", "2200000"];
    let (mut broadcaster, mut client) = broadcaster::with_first_client(&queue, &flags);
    // 60 MB through a log of 2 MB: what is not read yet must still be on disk, apart from log, sockets and acks on
    // their way.
    for number in 0..ENTRIES {
        assert!(client.payload().starts_with(&format!("[{number},")));
        let ahead = (ENTRIES - number).saturating_sub(queue_waiting_at(&queue, number));
        assert!(ahead < 1200, "{ahead} entries are gone before the client has read them");
    }
    until("the directory is empty", || queue.waiting() == 0);
    broadcaster.stop();
}

/// How many entries wait, looked at now and then: it takes a listing.
fn queue_waiting_at(queue: &QueueDir, number: usize) -> usize {
    if number.is_multiple_of(100) { queue.waiting() } else { usize::MAX }
}
