//! Clients whose sockets are full, beside clients that read.

use std::io::Write;
use std::net::TcpStream;

use testkit::{Broadcaster, HANDSHAKE, QueueDir, until};

use crate::support::{Client, broadcaster, connect_with_small_buffer, read_to_end};

const EVENTS: usize = 3000;

/// A client with a small buffer, which reads nothing.
fn not_reading(broadcaster: &Broadcaster) -> TcpStream {
    let mut stream = connect_with_small_buffer(broadcaster.address()).unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).unwrap();
    stream
}

#[test]
fn clients_with_full_sockets_are_disconnected_and_the_others_miss_nothing() {
    let queue = QueueDir::in_memory();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--log-bytes", "2200000"]);
    let at_start = broadcaster.descriptors();
    let mut readers = [Client::of(&broadcaster), Client::of(&broadcaster)];
    let mut slow: Vec<TcpStream> = (0..20).map(|_| not_reading(&broadcaster)).collect();
    broadcaster.await_descriptors(at_start + 22);
    let filler = "x".repeat(10_000);
    for number in 0..EVENTS {
        queue.enqueue(format!("[{number},\"{filler}\"]"));
        for reader in &mut readers {
            assert!(reader.payload().starts_with(&format!("[{number},")), "{number}");
        }
    }
    until("all are acked, though twenty read nothing", || queue.waiting() == 0);
    // Frames of clients that are being disconnected change nothing.
    for stream in &mut slow[..10] {
        let _ = stream.write_all(b"\x89\x80\0\0\0\0\x81\x82\0\0\0\0hi");
    }
    queue.enqueue("\"still here\"");
    readers.iter_mut().for_each(|reader| assert_eq!(reader.payload(), "\"still here\""));
    for stream in &mut slow[10..] {
        let received = read_to_end(stream);
        let reason = b"too slow: messages would have been missed";
        // The close frame is the last thing, if the client begins to read before the server drops the connection.
        assert!(received.ends_with(reason) || received.len() > 4096, "{}", received.len());
    }
    drop(slow);
    drop(readers);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}
