//! What a client reads: messages of WebSocket and blocks of server-sent events.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// What the hub is given to answer a handshake with.
pub(super) const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

/// The connection of a client.
pub(super) struct Wire {
    stream: UnixStream,
    is_sse: bool,
    received: Vec<u8>,
    /// The response to the handshake was read.
    pub(super) has_response: bool,
    pub(super) has_ended: bool,
}

impl Wire {
    pub(super) fn new(stream: UnixStream, is_sse: bool) -> Wire {
        Wire { stream, is_sse, received: Vec::new(), has_response: false, has_ended: false }
    }

    /// Takes up to so many bytes, and returns the messages that are whole.
    pub(super) fn read(&mut self, most: usize) -> Vec<Value> {
        let mut buffer = vec![0; most];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.has_ended = true,
            Ok(read) => self.received.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.has_ended = true,
        }
        let mut messages = Vec::new();
        if !self.has_response {
            if self.received.len() < RESPONSE.len() {
                return messages;
            }
            let response = self.received.drain(..RESPONSE.len());
            assert!(response.eq(RESPONSE.iter().copied()), "the response comes first");
            self.has_response = true;
        }
        while let Some((message, bytes)) = if self.is_sse { block(&self.received) } else { frame(&self.received) } {
            messages.extend(message);
            self.received.drain(..bytes);
        }
        messages
    }

    pub(super) fn send(&mut self, message: &[u8]) {
        // Who has gone does not get it.
        let _ = self.stream.write(message);
    }
}

/// The first frame, if it is there: its message, if it is one, and its bytes.
fn frame(bytes: &[u8]) -> Option<(Option<Value>, usize)> {
    let (&[opcode, length], rest) = bytes.split_first_chunk()?;
    let (length, head) = match length {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
        length => (usize::from(length), 2),
    };
    let payload = bytes.get(head..head + length)?;
    let message = (opcode == 0x81).then(|| serde_json::from_slice(payload).expect("JSON"));
    Some((message, head + length))
}

/// The first block, as the message of a native client that says the same.
fn block(bytes: &[u8]) -> Option<(Option<Value>, usize)> {
    let end = bytes.windows(2).position(|end| end == b"\n\n")?;
    let text = str::from_utf8(&bytes[..end]).expect("text");
    let field = |name| text.lines().find_map(|line: &str| line.strip_prefix(name));
    let message = match (field("data: "), field("id: "), field("retry: ")) {
        (Some(data), Some(id), retry) if field("event: ") == Some("gap") => {
            assert_eq!(data, r#"{"recovered":false}"#);
            let kind = if retry.is_some() { "welcome" } else { "gap" };
            Some(serde_json::json!({ "type": kind, "id": id, "recovered": false }))
        }
        (Some(data), Some(id), _) => {
            let message: Value = serde_json::from_str(data).expect("JSON");
            assert_eq!(message["id"], id);
            Some(message)
        }
        (None, Some(id), Some(_)) => Some(serde_json::json!({ "type": "welcome", "id": id })),
        (None, Some(id), None) => Some(serde_json::json!({ "type": "heartbeat", "id": id })),
        _ => None,
    };
    Some((message, end + 2))
}
