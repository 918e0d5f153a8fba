//! Many clients at once, and one too many.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socket2::SockRef;
use testkit::{HANDSHAKE, QueueDir, payload_of, until};

use crate::support::{broadcaster, connect, exchange, health, may_open, shake_hands};

const CROWD: u64 = 10_000;

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
    let mut broadcaster = broadcaster::start(&queue.path());
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
    // They end with a reset: otherwise ten thousand connections stay in TIME_WAIT.
    crowd.iter().for_each(|client| SockRef::from(client).set_linger(Some(Duration::ZERO)).unwrap());
    drop(crowd);
    broadcaster.await_descriptors(at_start);
    broadcaster.stop();
}

/// A handshake of a page.
fn from_page(origin: &str) -> String {
    HANDSHAKE.replace("Upgrade: websocket", &format!("Upgrade: websocket\r\nOrigin: {origin}"))
}

#[test]
fn a_client_too_many_is_sent_away_and_may_come_when_another_has_left() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--max-connections", "3"]);
    let address = broadcaster.address();
    let mut clients: Vec<TcpStream> = (0..3).map(|_| shake_hands(address)).collect();
    for _ in 0..10 {
        let refused = String::from_utf8(exchange(address, HANDSHAKE.as_bytes())).unwrap();
        assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("\r\nretry-after: "), "{refused}");
        assert!(refused.contains("max_connections"), "{refused}");
        // A browser hides a refused handshake from its page, so the page gets the reason in a close frame after it.
        let closed = exchange(address, from_page("http://localhost").as_bytes());
        assert!(
            closed.starts_with(b"HTTP/1.1 101 ") && closed.ends_with(b"\x88\x10\x03\xf5server is full"),
            "{closed:x?}"
        );
        let foreign = exchange(address, from_page("http://evil.example").as_bytes());
        assert!(foreign.starts_with(b"HTTP/1.1 403 "), "{foreign:x?}");
        let invalid = exchange(address, HANDSHAKE.replace("ZQ==", "").as_bytes());
        assert!(invalid.starts_with(b"HTTP/1.1 400 "), "{invalid:x?}");
        assert_eq!(health(address), (200, "ok\n".to_owned()));
    }
    assert_eq!(broadcaster.log_lines("server is full").len(), 1);
    queue.enqueue(1);
    clients.iter_mut().for_each(|client| assert_eq!(payload_of(&read_text(client)), "1"));
    drop(clients.pop());
    broadcaster.await_log("there is room for clients again");
    let mut late = shake_hands(address);
    queue.enqueue(2);
    assert_eq!(payload_of(&read_text(&mut late)), "2");
    assert_eq!(broadcaster.log_lines("there is room").len(), 1);
    broadcaster.stop();
}

#[test]
fn requests_that_come_byte_by_byte_at_a_full_server_delay_no_health_check() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::with(&queue.path(), &["--max-connections", "3"]);
    let address = broadcaster.address();
    let at_start = broadcaster.descriptors();
    let clients: Vec<TcpStream> = (0..3).map(|_| shake_hands(address)).collect();
    let ask = |request: &[u8]| {
        let mut stream = connect(address).unwrap();
        stream.write_all(request).unwrap();
        stream
    };
    for _ in 0..5 {
        // Handshakes whose answers nobody reads, requests that are never complete, and nothing at all.
        let handshakes: Vec<TcpStream> = (0..100).map(|_| ask(HANDSHAKE.as_bytes())).collect();
        let pages: Vec<TcpStream> = (0..100).map(|_| ask(from_page("http://localhost").as_bytes())).collect();
        let partial: Vec<TcpStream> = (0..200).map(|_| ask(b"GET /")).collect();
        let body = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
        let bodiless: Vec<TcpStream> = (0..100).map(|_| ask(body)).collect();
        let silent: Vec<TcpStream> = (0..200).map(|_| connect(address).unwrap()).collect();
        let asked = Instant::now();
        assert_eq!(health(address), (200, "ok\n".to_owned()));
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        eprintln!("answered after {took:?}");
        drop((handshakes, pages, partial, bodiless, silent));
    }
    // No slot was lost with all of those, and no connection is left.
    drop(clients);
    broadcaster.await_descriptors(at_start);
    let again: Vec<TcpStream> = (0..3).map(|_| shake_hands(address)).collect();
    drop(again);
    broadcaster.stop();
}
