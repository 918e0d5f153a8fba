//! What clients must not send: each byte string has its answer, and the server goes on.

use std::io::{Read, Write};

use testkit::{HANDSHAKE, QueueDir};
use tungstenite::Message;

use crate::support::frames::frame;
use crate::support::{Client, broadcaster, exchange, read_to_end, shake_hands};

/// A head that announces so many bytes, and none of them.
fn announced(bytes: u64) -> Vec<u8> {
    [&[0x81, 0xff][..], &bytes.to_be_bytes(), &[0; 4]].concat()
}

/// The head of a frame whose length is written in so many bytes.
fn masked_length(code: u8, length: &[u8]) -> Vec<u8> {
    [&[0x81, 0x80 | code][..], length, &[0; 4]].concat()
}

/// The code of the close frame at the end of what a server sent.
fn close_code(received: &[u8]) -> Option<u16> {
    let mut rest = received;
    while let [first, length, payload @ ..] = rest {
        let payload = payload.get(..usize::from(*length))?;
        if *first == 0x88 {
            return Some(payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)));
        }
        rest = &rest[2 + payload.len()..];
    }
    None
}

#[test]
fn malformed_frames_are_answered_with_their_close_code() {
    let queue = QueueDir::new();
    let flags = ["--max-message-bytes", "1000"];
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut other = Client::of(&broadcaster);
    let table: [(&str, Vec<u8>, u16); 26] = [
        ("not masked", vec![0x81, 2, b'h', b'i'], 1002),
        ("a reserved bit", frame(0xc1, b"hi"), 1002),
        ("all reserved bits", frame(0xf1, b"hi"), 1002),
        ("a reserved data opcode", frame(0x83, b""), 1002),
        ("a reserved control opcode", frame(0x8b, b""), 1002),
        ("a continuation of nothing", frame(0x80, b"more"), 1002),
        ("a message within a fragmented one", [frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        ("a fragmented ping", frame(0x09, b"?"), 1002),
        ("a ping of 126 bytes", [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[b'x'; 126]].concat(), 1002),
        ("a close frame of one byte", frame(0x88, b"x"), 1002),
        ("a close code that nobody may send", frame(0x88, &1005_u16.to_be_bytes()), 1002),
        ("a close code below 1000", frame(0x88, &999_u16.to_be_bytes()), 1002),
        ("a close reason that is no text", frame(0x88, b"\x03\xe8\xff"), 1007),
        ("text that is not UTF-8", frame(0x81, b"\xff"), 1007),
        ("text whose end is missing", frame(0x81, b"\xe2\x82"), 1007),
        ("text cut within a character by fragments", [frame(0x01, b"\xe2"), frame(0x80, b"x")].concat(), 1007),
        ("a surrogate", frame(0x81, b"\xed\xa0\x80"), 1007),
        ("a message of 1001 bytes", masked_length(126, &1001_u16.to_be_bytes()), 1009),
        ("a message of four gigabytes", announced(1 << 32), 1009),
        ("a length of two bytes that needs one", masked_length(126, &[0, 125]), 1002),
        ("a length of eight bytes that needs one", masked_length(127, &[0, 0, 0, 0, 0, 0, 0, 125]), 1002),
        ("a length of eight bytes that needs two", masked_length(127, &[0, 0, 0, 0, 0, 0, 0xff, 0xff]), 1002),
        ("a message in very many frames", [frame(0x01, b""), frame(0x00, b"").repeat(1000)].concat(), 1008),
        ("the longest message", announced(u64::MAX >> 1), 1009),
        ("a length with the highest bit", announced(u64::MAX), 1002),
        (
            "too long in fragments",
            (0..9).flat_map(|_| frame(0x01, &[b'x'; 125]).into_iter().chain(frame(0x00, &[b'x'; 125]))).collect(),
            1002,
        ),
    ];
    for (what, bytes, code) in table {
        let mut stream = shake_hands(broadcaster.address());
        stream.write_all(&bytes).unwrap();
        let received = read_to_end(&mut stream);
        assert_eq!(close_code(&received), Some(code), "{what}: {received:x?}");
        queue.enqueue(format!("\"{what}\""));
        assert_eq!(other.payload(), format!("\"{what}\""));
    }
    other.send(Message::text("x".repeat(1000)));
    queue.enqueue("\"a message at the limit\"");
    assert_eq!(other.payload(), "\"a message at the limit\"");
    broadcaster.stop();
}

#[test]
fn malformed_handshakes_are_answered_with_their_status() {
    let queue = QueueDir::new();
    let mut broadcaster = broadcaster::start(&queue.path());
    let handshake = |from: &str, to: &str| HANDSHAKE.replace(from, to).into_bytes();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let host = "Host: localhost\r\n";
    let table: [(&str, Vec<u8>, &str); 29] = [
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), "400"),
        ("zeros", vec![0; 64], "400"),
        ("line feeds that never end a head", vec![b'\n'; 33_000], ""),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "400"),
        ("HTTP/1.0", handshake("HTTP/1.1", "HTTP/1.0"), "400"),
        ("a method that is not GET", handshake("GET", "DELETE"), "400"),
        ("no key", handshake(key, ""), "400"),
        ("another version", handshake("Version: 13", "Version: 12"), "400"),
        ("no version", handshake("Sec-WebSocket-Version: 13\r\n", ""), "400"),
        ("no connection header", handshake("Connection: Upgrade\r\n", ""), "400"),
        ("another protocol", handshake("Upgrade: websocket", "Upgrade: h2c"), "426"),
        ("a target that is no URI", handshake("GET /", "GET /<>\\^`{|}"), "400"),
        ("a header without a name", handshake("Host:", ":"), "400"),
        ("a header with a NUL", handshake("Host: localhost", "Host: a\0b"), "400"),
        ("a folded header", handshake("Host: localhost", "Host: a\r\n b"), "400"),
        ("no host", handshake(host, ""), "400"),
        ("two hosts", handshake(host, "Host: localhost\r\nHost: localhost\r\n"), "400"),
        ("a host with a name before it", handshake(host, "Host: me@localhost\r\n"), "400"),
        ("two hosts in one line", handshake(host, "Host: a, b\r\n"), "400"),
        ("no host and no handshake", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "400"),
        ("two keys", handshake(key, &key.repeat(2)), "400"),
        ("a key that is too short", handshake("ZQ==", ""), "400"),
        (
            "two origins",
            handshake(host, &format!("{host}Origin: http://localhost\r\nOrigin: http://localhost\r\n")),
            "400",
        ),
        ("an origin with a name before it", handshake(host, "Host: x\r\nOrigin: http://x:80@evil\r\n"), "403"),
        ("an origin that is null", handshake(host, "Host: null\r\nOrigin: null\r\n"), "403"),
        (
            "an upgrade that the connection does not name",
            handshake("Connection: Upgrade", "Connection: Upgraded"),
            "400",
        ),
        ("a space before the colon", handshake("Host:", "Host :"), "400"),
        ("513 headers", format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(513)).into_bytes(), "431"),
        ("a head of 33,000 bytes", handshake("Host: localhost", &format!("Host: {}", "x".repeat(33_000))), "431"),
    ];
    for (what, bytes, status) in table {
        let answer = exchange(broadcaster.address(), &bytes);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let given = answer.strip_prefix("HTTP/1.1 ").unwrap_or("").split(' ').next().unwrap();
        assert!(given == status || status.is_empty() && !given.starts_with('1'), "{what}: {answer}");
    }
    let mut client = Client::of(&broadcaster);
    queue.enqueue(1);
    assert_eq!(client.payload(), "1");
    broadcaster.stop();
}

#[test]
fn of_pings_without_end_from_a_client_that_reads_no_pong_only_the_last_is_answered() {
    let queue = QueueDir::new();
    let flags = ["--max-messages-per-sec", "0", "--max-bytes-per-sec", "0"];
    let mut broadcaster = broadcaster::with(&queue.path(), &flags);
    let mut other = Client::of(&broadcaster);
    let mut flood = shake_hands(broadcaster.address());
    let at_start = broadcaster.memory_kb("VmRSS");
    let pings = frame(0x89, &[b'x'; 100]).repeat(1000);
    // Far more pongs than all buffers hold.
    (0..400).for_each(|_| flood.write_all(&pings).unwrap());
    flood.write_all(&frame(0x89, b"the last")).unwrap();
    queue.enqueue(1);
    assert_eq!(other.payload(), "1");
    let mut received = Vec::new();
    let mut buffer = [0; 64 * 1024];
    while !received.ends_with(b"\x8a\x08the last") {
        let read = flood.read(&mut buffer).unwrap();
        assert!(read > 0, "the session has ended");
        received.extend_from_slice(&buffer[..read]);
    }
    assert!(received.len() < 30_000_000, "{} bytes of pongs", received.len());
    assert!(broadcaster.memory_kb("VmHWM") < at_start + 1024);
    broadcaster.stop();
}
