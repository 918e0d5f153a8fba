//! Many clients at once, and one too many.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;

use crate::broadcaster::Broadcaster;
use crate::client::{HANDSHAKE, connect, payload_of, read_head, shake_hands};
use crate::queue_dir::QueueDir;
use crate::wait::{skipped, until};

const CROWD: u64 = 10_000;

/// Raises the limit of open files, for this process and those that it starts. Says so loudly if it is too low for so many.
pub(crate) fn may_open(count: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < count) {
        skipped(&format!("needs {count} open files (ulimit -Hn)"));
        return false;
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    true
}

/// The text message that comes next: short ones only.
fn read_text(stream: &mut TcpStream) -> String {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[0], 0x81, "a text message");
    let mut text = vec![0; usize::from(head[1])];
    stream.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn ten_thousand_clients_get_an_event_and_leave_nothing_behind() {
    if !may_open(CROWD + 500) {
        return;
    }
    let queue = QueueDir::new();
    let mut broadcaster = Broadcaster::start(&queue.path());
    let at_start = broadcaster.descriptors();
    // At the same time for the server: all have asked before the first is answered, as far as its backlog goes.
    let mut crowd: Vec<TcpStream> = (0..CROWD).map(|_| shake_hands(broadcaster.address())).collect();
    broadcaster.await_descriptors(at_start + CROWD as usize);
    queue.enqueue("\"to all\"");
    for client in &mut crowd {
        assert_eq!(payload_of(&read_text(client)), "\"to all\"");
    }
    until("the entry is acked", || queue.waiting() == 0);
    broadcaster.assert_idle();
    eprintln!("{} kB with {CROWD} clients", broadcaster.memory_kb("VmRSS"));
    // They vanish with a reset, which also spares the machine ten thousand connections in TIME_WAIT.
    crowd.iter().for_each(|client| SockRef::from(client).set_linger(Some(Duration::ZERO)).unwrap());
    drop(crowd);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

#[test]
fn a_client_too_many_waits_until_another_leaves() {
    use std::io::Write;

    let queue = QueueDir::new();
    let mut broadcaster = Broadcaster::with(&queue.path(), &["--max-connections", "3"]);
    let mut clients: Vec<TcpStream> = (0..3).map(|_| shake_hands(broadcaster.address())).collect();
    let mut waiting = connect(broadcaster.address()).unwrap();
    waiting.write_all(HANDSHAKE.as_bytes()).unwrap();
    queue.enqueue(1);
    clients.iter_mut().for_each(|client| assert_eq!(payload_of(&read_text(client)), "1"));
    waiting.set_nonblocking(true).unwrap();
    assert!(waiting.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    waiting.set_nonblocking(false).unwrap();
    drop(clients.pop());
    assert!(read_head(&mut waiting).starts_with("HTTP/1.1 101 "));
    queue.enqueue(2);
    assert_eq!(payload_of(&read_text(&mut waiting)), "2");
    broadcaster.stop();
}
