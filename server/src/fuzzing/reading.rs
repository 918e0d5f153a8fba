//! Frames of two clients over time: they arrive in pieces, are read in turns with one buffer, and exceed what a client
//! may send in a second. Nothing is lost, mixed up or out of order, and little is held.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::client_message::ClientMessage;
use crate::config::Settings;
use crate::hub::log::Log;
use crate::hub::session::{ReadOutcome, Session};
use crate::hub::{Connection, Limits};
use crate::permit::Permit;
use crate::protocol::Protocol;
use crate::protocol::allowance::Rates;
use crate::protocol::incoming::ReadBuffer;
use crate::session_id::SessionId;

const MAX_MESSAGE_BYTES: usize = 4096;
/// Fewer than a message may come in.
const MAX_FRAMES: usize = 150;
/// A message with the room that it grows in, what was read at once, pongs, and what reading itself takes.
const MAX_HELD_BYTES: usize = 3 * MAX_MESSAGE_BYTES + 16 * 1024 + 8 * 1024;

/// Plays a script against two sessions that share a buffer.
///
/// # Panics
/// When a message does not arrive as it was sent, or a session holds too much.
pub fn reading(script: &[u8]) {
    let settings = Settings { max_message_bytes: Some(MAX_MESSAGE_BYTES), ..Settings::default() };
    let Ok(config) = settings.resolve() else { return };
    let limits = Limits { rates: Rates { messages: Some(40), bytes: Some(8000) }, ..config.limits };
    let mut now = Instant::now();
    let (Some(one), Some(two)) = (Speaker::new(1, &limits, now), Speaker::new(2, &limits, now)) else { return };
    let (mut speakers, mut buffer, log) = ([one, two], ReadBuffer::new(), Log::new(1024));
    let mut script = script.iter().copied();
    while let Some(step) = script.next() {
        let argument = script.next().unwrap_or(0);
        let speaker = &mut speakers[usize::from(step & 1)];
        match (step >> 1) % 8 {
            0..=2 => speaker.speak(argument, script.next().unwrap_or(0)),
            3 => speaker.ping(argument),
            4 => speaker.pass(usize::from(argument) * 32),
            5 => speaker.turn(&mut buffer, &log, &limits, now),
            6 => now += Duration::from_millis(u64::from(argument)),
            _ => speaker.set_taking(argument & 1 == 0),
        }
    }
    for speaker in &mut speakers {
        speaker.finish(&mut buffer, &log, &limits, &mut now);
    }
}

struct Speaker {
    client: UnixStream,
    session: Session,
    /// Was said and has not reached the socket.
    unsent: VecDeque<u8>,
    /// Was said and has not been received.
    expected: VecDeque<ClientMessage>,
    /// The message that is not complete, and the frames that it has.
    open: Option<(Data, Vec<u8>, usize)>,
    takes: bool,
    /// Frames and bytes that were said.
    said: (usize, usize),
}

impl Speaker {
    fn new(id: u64, limits: &Limits, now: Instant) -> Option<Speaker> {
        let (client, server) = UnixStream::pair().ok()?;
        client.set_nonblocking(true).ok()?;
        server.set_nonblocking(true).ok()?;
        let stream = mio::net::TcpStream::from_std(TcpStream::from(OwnedFd::from(server)));
        let connection = Connection { stream, response: Vec::new(), permit: Permit::for_fuzzing() };
        let protocol = Protocol::websocket(Vec::new(), limits.max_message_bytes, now);
        let session = Session::new(SessionId(id), 0, connection, protocol, None, now);
        let (unsent, expected, open) = (VecDeque::new(), VecDeque::new(), None);
        Some(Speaker { client, session, unsent, expected, open, takes: true, said: (0, 0) })
    }

    /// Says a frame of a message.
    fn speak(&mut self, kind: u8, length: u8) {
        let (data, mut message, frames) = self.open.take().unwrap_or_else(|| {
            let data = if kind & 2 == 0 { Data::Text } else { Data::Binary };
            (data, Vec::new(), 0)
        });
        let length = (usize::from(length) * 16).min(MAX_MESSAGE_BYTES - message.len());
        let payload = vec![b'a' + kind % 26; length];
        let is_final = kind & 1 == 0 || frames + 1 == MAX_FRAMES;
        let opcode = OpCode::Data(if frames == 0 { data } else { Data::Continue });
        message.extend_from_slice(&payload);
        self.say(opcode, payload, is_final);
        if !is_final {
            self.open = Some((data, message, frames + 1));
        } else if data == Data::Text {
            self.expected.push_back(ClientMessage::Text(String::from_utf8(message).expect("ASCII")));
        } else {
            self.expected.push_back(ClientMessage::Binary(message));
        }
    }

    fn ping(&mut self, length: u8) {
        self.say(OpCode::Control(Control::Ping), vec![b'?'; usize::from(length % 126)], true);
    }

    fn say(&mut self, opcode: OpCode, payload: Vec<u8>, is_final: bool) {
        let mask = Some([self.said.0 as u8, 0, 7, 255]);
        let frame =
            Frame::from_payload(FrameHeader { is_final, opcode, mask, ..FrameHeader::default() }, payload.into());
        let mut bytes = Vec::new();
        frame.format(&mut bytes).expect("a Vec takes every write");
        self.said = (self.said.0 + 1, self.said.1 + bytes.len());
        self.unsent.extend(bytes);
    }

    /// Lets some bytes reach the socket.
    fn pass(&mut self, count: usize) {
        let count = count.min(self.unsent.len());
        let bytes: Vec<u8> = self.unsent.iter().copied().take(count).collect();
        if let Ok(written) = self.client.write(&bytes) {
            self.unsent.drain(..written);
        }
    }

    fn set_taking(&mut self, takes: bool) {
        self.takes = takes;
        if takes {
            self.session.resume();
        }
    }

    /// What the hub does for a session that has something to read.
    fn turn(&mut self, buffer: &mut ReadBuffer, log: &Log, limits: &Limits, now: Instant) {
        let (takes, expected) = (self.takes, &mut self.expected);
        let deliver = |message| {
            assert_eq!(Some(message), expected.pop_front());
            if takes { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let (outcome, _) = self.session.read(buffer, log, limits, now, Some(deliver));
        match outcome {
            ReadOutcome::All | ReadOutcome::More => {}
            ReadOutcome::Paused => assert!(!takes),
            ReadOutcome::Throttled(again) => assert!(again >= now),
            ReadOutcome::Closing(_) | ReadOutcome::Ended => panic!("the session ends: {outcome:?}"),
        }
        self.session.write(log.head(), log, now).expect("the socket lives");
        let held = self.session.held_bytes();
        assert!(held <= MAX_HELD_BYTES, "{held} bytes are held");
        // The client reads its pongs.
        let mut pongs = [0; 4096];
        while self.client.read(&mut pongs).is_ok_and(|read| read > 0) {}
    }

    /// Completes what was begun, and waits until all of it was received.
    fn finish(&mut self, buffer: &mut ReadBuffer, log: &Log, limits: &Limits, now: &mut Instant) {
        if self.open.is_some() {
            self.speak(0, 1);
        }
        self.set_taking(true);
        // At half of either rate it would all have come.
        let mut seconds = 3 + self.said.0 / 20 + self.said.1 / 4000;
        while !(self.unsent.is_empty() && self.expected.is_empty()) {
            assert!(seconds > 0, "{} messages are missing", self.expected.len());
            seconds -= 1;
            *now += Duration::from_secs(1);
            for _ in 0..8 {
                self.pass(usize::MAX);
                self.turn(buffer, log, limits, *now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_pieces_and_turns_arrive_as_they_were_said() {
        // Both speak in fragments with pings between, a piece and a turn each, and run out of their budget.
        let said: Vec<u8> = (0..40)
            .flat_map(|number| [0, number, 90, 1, number, 90, 6, 20, 8, 200, 9, 77, 10, 0, 11, 0, 12, 3])
            .collect();
        reading(&said);
        // One that nobody takes messages from for a while.
        reading(&[&[14, 1][..], &said, &[14, 0], &said].concat());
    }
}
