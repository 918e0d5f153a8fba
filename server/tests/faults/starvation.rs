//! A process that is short of descriptors.

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::broadcaster::{BINARY, Broadcaster, arguments, command};
use crate::client::{Client, HANDSHAKE, connect, read_head};
use crate::queue_dir::QueueDir;
use crate::wait::until;

/// Lets a process open no further files, or so many.
fn limit_files(pid: Pid, current: u64) {
    let maximum = prlimit(Some(pid), Resource::Nofile, Rlimit { current: None, maximum: None });
    drop(maximum);
    let _ = current;
}

#[test]
fn a_low_limit_of_open_files_leaves_room_for_the_queue() {
    use std::io::Write;

    let queue = QueueDir::new();
    let mut shell = command("sh");
    shell.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", BINARY]).args(arguments(&queue.path()));
    let mut broadcaster = Broadcaster::spawn(shell).listening();
    assert_eq!(broadcaster.log_lines("fewer files may be open").len(), 1);
    let crowd: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = connect(broadcaster.address()).unwrap();
            stream.write_all(HANDSHAKE.as_bytes()).unwrap();
            stream
        })
        .collect();
    until("it is full", || broadcaster.descriptors() > 40);
    // The queue is still read: its files are opened one by one, and need a descriptor.
    (0..50).for_each(|number| drop(queue.enqueue(number)));
    until("the directory is empty", || queue.waiting() == 0);
    broadcaster.assert_idle();
    drop(crowd);
    let mut client = broadcaster.connect();
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}
