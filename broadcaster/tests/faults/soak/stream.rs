//! A client that costs little: it splits the bytes of its connection into frames and answers pings.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use testkit::HANDSHAKE;

use crate::support::frames::{CLOSE, Incoming, PING, PONG_FRAME, TEXT, close_code};
use crate::support::{connect, connect_with_small_buffer, read_head};

pub(crate) struct Stream {
    stream: TcpStream,
    incoming: Incoming,
}

/// What came.
pub(crate) enum Frame {
    Text(String),
    /// A close frame with its code.
    Close(u16),
    /// The connection has ended without a close frame.
    End,
}

impl Stream {
    /// Connects, perhaps with a small buffer. None while nobody listens, or if the server dies meanwhile.
    pub(crate) fn connect(address: SocketAddr, has_small_buffer: bool) -> Option<Stream> {
        let connect = if has_small_buffer { connect_with_small_buffer } else { connect };
        let mut stream = connect(address).ok()?;
        stream.write_all(HANDSHAKE.as_bytes()).ok()?;
        // The head comes in one piece with the first write of the server, or not at all.
        stream.peek(&mut [0]).ok().filter(|peeked| *peeked > 0)?;
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
        Some(Stream { stream, incoming: Incoming::new(true) })
    }

    /// Waits for bytes, but no longer than a moment, and returns the frames that are complete.
    pub(crate) fn frames(&mut self, moment: Duration) -> Vec<Frame> {
        self.stream.set_read_timeout(Some(moment)).unwrap();
        let (mut frames, mut pings) = (Vec::new(), 0);
        let read = self.incoming.read(&mut self.stream, usize::MAX, |opcode, payload| match opcode {
            TEXT => frames.push(Frame::Text(String::from_utf8(payload.to_vec()).unwrap())),
            CLOSE => frames.push(Frame::Close(close_code(payload))),
            PING => pings += 1,
            other => panic!("a frame with the opcode {other}"),
        });
        for _ in 0..pings {
            // A pong that cannot be sent belongs to a connection whose end is read next.
            let _ = self.stream.write_all(&PONG_FRAME);
        }
        let is_open = match read {
            Ok(read) => read > 0,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        if !is_open {
            frames.push(Frame::End);
        }
        frames
    }
}
