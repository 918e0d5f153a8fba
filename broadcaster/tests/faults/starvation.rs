//! A process that is short of descriptors.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use testkit::{Broadcaster, HANDSHAKE, QueueDir, until};

use crate::support::{BINARY, Client, arguments, broadcaster, command, connect, health, read_head};

/// Sets how many files a running process may have open.
fn limit_files(broadcaster: &Broadcaster, current: usize) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Some(broadcaster.pid()), Resource::Nofile, Rlimit { current: Some(current as u64), maximum }).unwrap();
}

/// Leaves a process the files that it has open, and no other. The queue is listed now and then, which needs one for a
/// moment.
fn limit_files_to_open_ones(broadcaster: &Broadcaster) {
    let open = (0..100).map(|_| broadcaster.descriptors()).min().unwrap();
    limit_files(broadcaster, open);
}

#[test]
fn without_a_descriptor_accepting_and_reading_pause_and_go_on_when_there_are_some() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let mut client = Client::of(&broadcaster);
    queue.enqueue(0);
    assert_eq!(client.payload(), "0");
    until("the entry is acked", || queue.waiting() == 0);

    limit_files_to_open_ones(&broadcaster);
    let mut waiting = connect(broadcaster.address()).unwrap();
    waiting.write_all(HANDSHAKE.as_bytes()).unwrap();
    broadcaster.await_log("cannot accept connections");
    queue.enqueue(1);
    broadcaster.await_log("cannot read");
    broadcaster.assert_idle();
    limit_files(&broadcaster, 1000);
    assert!(read_head(&mut waiting).starts_with("HTTP/1.1 101 "));
    assert_eq!(client.payload(), "1");
    assert_eq!(broadcaster.log_lines("cannot accept connections").len(), 1);
    assert_eq!(broadcaster.log_lines("cannot read").len(), 1);

    // Clients that leave give back what they had, too.
    limit_files_to_open_ones(&broadcaster);
    let mut waiting = connect(broadcaster.address()).unwrap();
    waiting.write_all(HANDSHAKE.as_bytes()).unwrap();
    until("it is short again", || broadcaster.log_lines("cannot accept connections").len() == 2);
    drop(client);
    assert!(read_head(&mut waiting).starts_with("HTTP/1.1 101 "));
    limit_files(&broadcaster, 1000);
    broadcaster.stop();
}

/// A broadcaster that may have so many files open.
fn with_limit(limit: usize, queue: &QueueDir) -> Broadcaster {
    let mut shell = command("sh");
    let limited = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
    shell.args(["-c", &limited, BINARY]).args(arguments(&queue.path()));
    Broadcaster::spawn(shell)
}

#[test]
fn a_limit_of_open_files_that_is_too_low_for_the_queue_ends_the_start() {
    let queue = QueueDir::new();
    for limit in [16, 32, 40] {
        let mut refused = with_limit(limit, &queue);
        assert_eq!(refused.await_exit().code(), Some(1), "{limit}");
        until("it says why", || refused.log_lines("at least 41 are needed").len() == 1);
    }
}

#[test]
fn a_low_limit_of_open_files_leaves_room_for_the_queue() {
    for limit in [41, 48, 64] {
        assert_room_for_the_queue(limit);
    }
}

fn assert_room_for_the_queue(limit: usize) {
    let queue = QueueDir::new();
    let mut broadcaster = with_limit(limit, &queue).listening();
    assert_eq!(broadcaster.log_lines("fewer files may be open").len(), 1);
    let crowd: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect(broadcaster.address()).unwrap();
            stream.write_all(HANDSHAKE.as_bytes()).unwrap();
            stream
        })
        .collect();
    // Answers to those that find no room come and go.
    until("it is full", || {
        health(broadcaster.address()).0 == 200 && Client::try_connect(broadcaster.address()).is_err()
    });
    // The queue is still read: its files are opened one by one, and need a descriptor.
    (0..50).for_each(|number| drop(queue.enqueue(number)));
    until("the directory is empty", || queue.waiting() == 0);
    broadcaster.assert_idle();
    drop(crowd);
    // Until it has seen that they left it is full.
    let mut client = None;
    until("there is room", || {
        client = Client::try_connect(broadcaster.address()).ok();
        client.is_some()
    });
    let mut client = client.unwrap();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}
