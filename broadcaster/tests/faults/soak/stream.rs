//! A client that costs little: the bytes of its connection, split into frames by hand, and pings answered.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::client::{HANDSHAKE, read_head};
use crate::server_frames::{CLOSE, PING, PONG_FRAME, TEXT, close_code, split};
use crate::wait::TIMEOUT;

pub(crate) struct Stream {
    stream: TcpStream,
    received: Vec<u8>,
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
    /// Connects, perhaps with a small socket. None while nobody listens, or if the server dies meanwhile.
    pub(crate) fn connect(address: SocketAddr, has_small_socket: bool) -> Option<Stream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        if has_small_socket {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        socket.set_write_timeout(Some(TIMEOUT)).unwrap();
        socket.connect(&SockAddr::from(address)).ok()?;
        let mut stream = TcpStream::from(socket);
        stream.write_all(HANDSHAKE.as_bytes()).ok()?;
        // The head comes in one piece with the first write of the server, or not at all.
        stream.peek(&mut [0]).ok().filter(|peeked| *peeked > 0)?;
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 101 "));
        Some(Stream { stream, received: Vec::new() })
    }

    /// Waits for bytes, but no longer than a moment, and returns the frames that are complete.
    pub(crate) fn frames(&mut self, moment: Duration) -> Vec<Frame> {
        self.stream.set_read_timeout(Some(moment)).unwrap();
        let mut buffer = [0; 65_536];
        let ended = match self.stream.read(&mut buffer) {
            Ok(0) => true,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        };
        let mut frames = Vec::new();
        let mut rest = self.received.as_slice();
        while let Some((opcode, payload, after)) = split(rest) {
            match opcode {
                TEXT => frames.push(Frame::Text(String::from_utf8(payload.to_vec()).unwrap())),
                CLOSE => frames.push(Frame::Close(close_code(payload))),
                // A pong that cannot be sent belongs to a connection whose end is read next.
                PING => drop(self.stream.write_all(&PONG_FRAME)),
                other => panic!("a frame with the opcode {other}"),
            }
            rest = after;
        }
        self.received = rest.to_vec();
        if ended {
            frames.push(Frame::End);
        }
        frames
    }
}
