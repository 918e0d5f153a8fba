//! A connection of a client of any kind, which may end at any moment.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::connect;
use crate::support::frames::{CLOSE, Incoming, PING, PONG_FRAME, TEXT, frame};
use crate::torture::message::Message;

/// What a client asks for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Path and parameters.
    pub(crate) target: String,
    pub(crate) is_stream: bool,
    pub(crate) is_native: bool,
    /// The header that a browser sends when it comes back to a stream.
    pub(crate) last_event_id: Option<String>,
    /// Whether it has named a position in any way.
    pub(crate) has_asked: bool,
}

impl Request {
    fn head(&self) -> String {
        let Request { target, .. } = self;
        let mut head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n");
        if self.is_stream {
            head += "Accept: text/event-stream\r\n";
        } else {
            head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
            head += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        }
        if self.is_native {
            head += "Sec-WebSocket-Protocol: fastapi.v1\r\n";
        }
        if let Some(id) = &self.last_event_id {
            head += &format!("Last-Event-ID: {id}\r\n");
        }
        head + "\r\n"
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    incoming: Reading,
}

enum Reading {
    Frames(Incoming),
    Blocks { bytes: Vec<u8>, has_asked: bool },
}

impl Connection {
    /// Connects. `None` while nobody listens, or if the server has no room or dies meanwhile.
    pub(crate) fn open(address: SocketAddr, request: &Request) -> Option<Connection> {
        let mut stream = connect(address).ok()?;
        stream.write_all(request.head().as_bytes()).ok()?;
        let head = read_head(&mut stream)?;
        let expected = if request.is_stream { "HTTP/1.1 200 " } else { "HTTP/1.1 101 " };
        if !head.starts_with(expected) {
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            return None;
        }
        assert!(!request.is_native || head.contains("fastapi.v1"), "{head}");
        let incoming = match request.is_stream {
            true => Reading::Blocks { bytes: Vec::new(), has_asked: request.has_asked },
            false => Reading::Frames(Incoming::new(true)),
        };
        Some(Connection { stream, incoming })
    }

    /// Sends a command. A connection that does not take it has ended, which is read next.
    pub(crate) fn send(&mut self, command: &str) {
        let _ = self.stream.write_all(&frame(0x80 | TEXT, command.as_bytes()));
    }

    /// Waits for bytes, but no longer than a moment, and gives the messages that are complete. Returns whether the
    /// connection is still open.
    pub(crate) fn receive(&mut self, moment: Duration, messages: &mut Vec<Message>) -> bool {
        self.stream.set_read_timeout(Some(moment)).unwrap();
        let (mut pings, mut is_closed) = (0, false);
        let read = match &mut self.incoming {
            Reading::Frames(incoming) => incoming.read(&mut self.stream, usize::MAX, |opcode, payload| match opcode {
                TEXT => messages.push(Message::of_text(str::from_utf8(payload).unwrap())),
                CLOSE => is_closed = true,
                PING => pings += 1,
                other => panic!("a frame with the opcode {other}"),
            }),
            Reading::Blocks { bytes, has_asked } => {
                let mut buffer = [0; 65_536];
                let read = self.stream.read(&mut buffer);
                bytes.extend(&buffer[..*read.as_ref().unwrap_or(&0)]);
                while let Some(end) = bytes.windows(2).position(|end| end == b"\n\n") {
                    messages.extend(Message::of_block(str::from_utf8(&bytes[..end]).unwrap(), *has_asked));
                    bytes.drain(..end + 2);
                }
                read
            }
        };
        for _ in 0..pings {
            let _ = self.stream.write_all(&PONG_FRAME);
        }
        let is_open = match read {
            Ok(read) => read > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted),
        };
        is_open && !is_closed
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
