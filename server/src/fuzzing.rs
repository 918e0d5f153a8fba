//! Access for the fuzz targets in `fuzz/`: what a client's bytes reach, without a port and without threads. Only there
//! with the feature `fuzzing` and in tests, which keep what was found; no part of the server's interface.

mod command;
mod hook;
mod pusher;
mod pusher_api;
mod reading;
mod token;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use tungstenite::protocol::frame::coding::OpCode;
use tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::config::{DEFAULT_MAX_HEADER_BYTES, Settings};
use crate::disconnect::Disconnect;
use crate::hub::log::Log;
use crate::hub::session::{ReadOutcome, Session, WriteOutcome};
use crate::hub::{Connection, Limits};
use crate::permit::Permit;
use crate::protocol::incoming::ReadBuffer;
use crate::protocol::{Protocol, frames, plain};
use crate::publication::Publication;
use crate::session_id::SessionId;

pub use command::command;
pub use hook::{fastcgi_records, hook_answer};
pub use pusher::pusher_command;
pub use pusher_api::pusher_api;
pub use reading::reading;
pub use token::token;

const LOG_BYTES: usize = 64 * 1024;
const MAX_MESSAGE_BYTES: usize = 4096;
/// What a socket takes before it is full: little, so that frames are written in parts.
const SOCKET_BYTES: usize = 4096;

/// Appends the frame of a publication in the plain encoding.
pub fn encode(publication: &Publication<'_>, frames: &mut Vec<u8>) {
    plain::encode(publication, frames);
}

/// Reads the head of a request as the server does, piece by piece, and answers the handshake that it may be.
pub fn handshake(bytes: &[u8]) {
    let (piece, bytes) = bytes.split_first().map_or((1, bytes), |(first, rest)| (usize::from(*first).max(1), rest));
    let mut end = 0;
    while end < bytes.len() {
        end = (end + piece).min(bytes.len());
        if crate::http_server::head::try_head(&bytes[..end], DEFAULT_MAX_HEADER_BYTES) {
            return;
        }
    }
}

/// Plays a script of what a client sends and what the server does meanwhile against one session, and checks everything
/// that the client receives.
///
/// # Panics
/// When the client receives anything but whole frames: those of the log in order, and nothing after a close frame.
pub fn session(script: &[u8]) {
    let Some(mut play) = Play::new() else { return };
    let mut script = script.iter().copied();
    while let Some(step) = script.next() {
        let argument = script.next().unwrap_or(0);
        let mut take = |count: u8| script.by_ref().take(usize::from(count)).collect::<Vec<u8>>();
        match step % 10 {
            0 | 1 => play.say(&take(argument)),
            // A frame with a correct head, which mutations of raw bytes seldom find.
            2..=4 => {
                let header = FrameHeader {
                    is_final: argument & 0x80 != 0,
                    rsv1: argument & 0x40 != 0,
                    opcode: OpCode::from(argument & 0x0f),
                    mask: Some([step, argument, 7, 0]),
                    ..FrameHeader::default()
                };
                let frame = Frame::from_payload(header, take(step / 2).into());
                let mut bytes = Vec::new();
                frame.format(&mut bytes).expect("a Vec takes every write");
                play.say(&bytes);
            }
            5 => play.broadcast(usize::from(argument) * 64),
            6 => play.session.send(play.log.head(), frames::encode_binary(&take(argument)).into()),
            // The hub pings nobody who is leaving.
            7 if !play.session.is_closing() => play.session.ping(&play.log, play.now),
            7 => {}
            8 if argument & 1 == 0 => play.session.resume(),
            8 => play.takes_messages = argument & 2 != 0,
            _ if argument & 1 == 0 => play.session.close(play.log.head(), Disconnect::Shutdown, &play.limits),
            _ => play.session.fall_out(&play.log, Disconnect::Slow),
        }
        if play.turn(argument & 4 != 0).is_break() {
            break;
        }
    }
    play.finish();
}

struct Play {
    client: UnixStream,
    session: Session,
    log: Log,
    limits: Limits,
    read_buffer: ReadBuffer,
    now: Instant,
    takes_messages: bool,
    broadcast: u32,
    received: Vec<u8>,
}

impl Play {
    fn new() -> Option<Play> {
        let (client, server) = UnixStream::pair().ok()?;
        client.set_nonblocking(true).ok()?;
        server.set_nonblocking(true).ok()?;
        socket2::SockRef::from(&server).set_send_buffer_size(SOCKET_BYTES).ok()?;
        let stream = mio::net::TcpStream::from_std(TcpStream::from(OwnedFd::from(server)));
        let connection = Connection { stream, response: Vec::new(), permit: Permit::for_fuzzing() };
        let now = Instant::now();
        let settings = Settings { max_message_bytes: Some(MAX_MESSAGE_BYTES), ..Settings::default() };
        let limits = settings.resolve().ok()?.limits;
        let protocol = Protocol::websocket(Vec::new(), limits.max_message_bytes, now);
        let session = Session::new(SessionId(1), 0, connection, protocol, None, now);
        let (log, read_buffer) = (Log::new(LOG_BYTES), ReadBuffer::new());
        let (takes_messages, broadcast, received) = (true, 0, Vec::new());
        Some(Play { client, session, log, limits, read_buffer, now, takes_messages, broadcast, received })
    }

    fn say(&mut self, mut bytes: &[u8]) {
        while let Ok(written) = self.client.write(bytes) {
            bytes = &bytes[written..];
            if bytes.is_empty() || written == 0 {
                return;
            }
        }
    }

    fn broadcast(&mut self, length: usize) {
        let frame = frames::encode_text(&format!("{:08}{}", self.broadcast, "x".repeat(length)));
        self.broadcast += 1;
        self.log.append(&frame, &[frame.len()]);
        if self.session.needs().is_some_and(|position| position < self.log.overflow()) {
            self.session.fall_out(&self.log, Disconnect::Slow);
        }
    }

    /// What the hub does for a session whose socket is ready.
    fn turn(&mut self, client_reads: bool) -> ControlFlow<()> {
        let takes_messages = self.takes_messages;
        let deliver = |_| if takes_messages { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        let (outcome, _) = self.session.read(&mut self.read_buffer, &self.log, &self.limits, self.now, Some(deliver));
        let written = self.session.write(self.log.head(), &self.log, self.now);
        if client_reads {
            self.listen();
        }
        self.log.release(self.session.needs().unwrap_or(self.log.head()));
        match (outcome, written) {
            (ReadOutcome::Ended, _) | (_, Ok(WriteOutcome::Finished) | Err(_)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        loop {
            match self.client.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return,
            }
        }
    }

    fn finish(mut self) {
        self.listen();
        let mut bytes = self.received.as_slice();
        let (mut next, mut closed) = (0, false);
        while let Some((opcode, payload, rest)) = split_frame(bytes) {
            assert!(!closed, "a frame after the close frame");
            match opcode {
                1 => {
                    assert!(payload.starts_with(format!("{next:08}").as_bytes()), "frame {next} of the log is missing");
                    next += 1;
                }
                2 | 9 | 10 => {}
                8 => closed = true,
                other => panic!("a frame with the opcode {other}"),
            }
            bytes = rest;
        }
    }
}

/// Splits a server's frame off. None if it is not all there.
fn split_frame(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert_eq!(first & 0xf0, 0x80, "a fragment or reserved bits: {first:x}");
    assert_eq!(second & 0x80, 0, "a masked frame");
    let (length, rest) = match second {
        126 => rest.split_first_chunk().map(|(length, rest)| (u64::from(u16::from_be_bytes(*length)), rest))?,
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length), rest))?,
        length => (u64::from(length), rest),
    };
    assert!(first < 0x88 || length <= 125, "a control frame of {length} bytes");
    assert!(length <= LOG_BYTES as u64, "a frame of {length} bytes");
    let (payload, rest) = rest.split_at_checked(length as usize)?;
    Some((first & 0x0f, payload, rest))
}

#[cfg(test)]
mod tests {
    //! What the fuzzers found, each once.

    use super::*;

    #[test]
    fn a_slow_client_that_speaks_while_it_is_disconnected() {
        let fallen_out = [5, 255, 5, 255, 5, 255, 5, 255, 5, 255, 9, 5];
        session(&[&fallen_out[..], &[3, 0x89, b'?'], &[0, 4, 1, 2, 3, 4], &[5, 4]].concat());
    }

    #[test]
    fn a_client_that_breaks_the_protocol_while_a_message_for_it_alone_waits() {
        session(&[5, 255, 5, 0, 6, 5, 1, 2, 3, 4, 5, 0, 4, 0x25, 1, 2, 3, 7, 4, 7, 4]);
    }

    #[test]
    fn a_slow_client_that_is_given_up_on_twice_in_the_middle_of_a_frame() {
        session(&[5, 252, 8, 3, 9, 7, 9, 1]);
    }
}
