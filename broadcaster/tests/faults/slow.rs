//! Clients whose sockets are full, beside clients that read.

use std::io::Write;
use std::net::TcpStream;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::broadcaster::Broadcaster;
use crate::client::{HANDSHAKE, read_to_end};
use crate::queue_dir::QueueDir;
use crate::wait::{TIMEOUT, until};

const EVENTS: usize = 3000;

/// A client that has a small socket and never reads.
fn deaf(address: std::net::SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    socket.connect(&SockAddr::from(address)).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(HANDSHAKE.as_bytes()).unwrap();
    stream
}

#[test]
fn clients_with_full_sockets_are_disconnected_and_the_others_miss_nothing() {
    let queue = QueueDir::in_memory();
    let mut broadcaster = Broadcaster::with(&queue.path(), &["--log-bytes", "2200000"]);
    let at_start = broadcaster.descriptors();
    let mut readers = [broadcaster.connect(), broadcaster.connect()];
    let mut deaf: Vec<TcpStream> = (0..20).map(|_| deaf(broadcaster.address())).collect();
    broadcaster.await_descriptors(at_start + 22);
    let filler = "x".repeat(10_000);
    for number in 0..EVENTS {
        queue.enqueue(format!("[{number},\"{filler}\"]"));
        for reader in &mut readers {
            assert!(reader.payload().starts_with(&format!("[{number},")), "{number}");
        }
    }
    until("all are acked, though twenty read nothing", || queue.waiting() == 0);
    // One that speaks while it is disconnected changes nothing.
    for stream in &mut deaf[..10] {
        let _ = stream.write_all(b"\x89\x80\0\0\0\0\x81\x82\0\0\0\0hi");
    }
    queue.enqueue("\"still here\"");
    readers.iter_mut().for_each(|reader| assert_eq!(reader.payload(), "\"still here\""));
    for stream in &mut deaf[10..] {
        let received = read_to_end(stream);
        let reason = b"too slow: messages would have been missed";
        // The close frame is the last thing, if the client begins to read before it is given up.
        assert!(received.ends_with(reason) || received.len() > 4096, "{}", received.len());
    }
    drop(deaf);
    drop(readers);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}
