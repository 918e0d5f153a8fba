//! The check of what a client has read: every message arrives once and in order.

use std::io::Write;

use anyhow::{bail, ensure};

use super::{Client, State, Tally};
use crate::frames;
use crate::machine::monotonic_nanos;
use crate::message;
use crate::nats::{self, Operation};
use crate::pusher::{self, Said};

/// An empty pong, masked with zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

impl Client {
    /// Checks the complete frames and returns how many bytes they have.
    pub(super) fn take_frames(&mut self, bytes: &[u8], tally: &mut Tally) -> anyhow::Result<usize> {
        let now = if tally.latencies.is_some() { monotonic_nanos() } else { 0 };
        let mut begin = 0;
        while let Some(frame) = frames::first(&bytes[begin..]) {
            let payload = &bytes[begin + frame.header_bytes..begin + frame.bytes()];
            begin += frame.bytes();
            match frame.opcode {
                frames::TEXT | frames::BINARY if self.manner.nats => {
                    self.take_operations(payload, now, tally)?;
                }
                frames::TEXT if self.manner.pusher => self.take_pusher(payload, now, tally)?,
                frames::TEXT if self.manner.has_answers() && message::is_no_event(payload) => {
                    self.take_answer(payload, tally)?;
                }
                frames::TEXT => {
                    self.take_message(payload, now, tally)?;
                    self.send_message()?;
                }
                frames::PING => drop(self.stream.write(&PONG)),
                frames::CLOSE => {
                    let code = payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                    bail!("the server disconnected a client with code {code} after message {}", self.next)
                }
                opcode => bail!("a frame of opcode {opcode}"),
            }
        }
        Ok(begin)
    }

    /// Takes the operations that a frame completes.
    fn take_operations(&mut self, payload: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<()> {
        let mut stream = std::mem::take(&mut self.operation);
        stream.extend_from_slice(payload);
        let mut begin = 0;
        while let Some((operation, bytes)) = nats::first(&stream[begin..])? {
            match operation {
                Operation::Message(text) => self.take_message(text, now, tally)?,
                Operation::Ping => self.send_text(nats::PONG)?,
                Operation::Pong => self.state = State::Open,
                Operation::Info => {}
            }
            begin += bytes;
        }
        stream.drain(..begin);
        self.operation = stream;
        Ok(())
    }

    pub(super) fn take_message(&mut self, text: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<()> {
        let number = message::number(text)?;
        if let Some(name) = self.due.channel() {
            let channel = message::channel(text).unwrap_or_default();
            ensure!(
                channel == name.as_bytes(),
                "message {number} came by the channel {:?} instead of {name}",
                String::from_utf8_lossy(channel)
            );
        }
        self.take_numbered(number, || message::sent_at(text), now, tally)
    }

    fn take_pusher(&mut self, text: &[u8], now: u64, tally: &mut Tally) -> anyhow::Result<()> {
        match pusher::read(text)? {
            Said::Connected { socket_id } => match self.manner.pusher_user {
                true => self.send_text(&pusher::join(socket_id, self.index))?,
                false => self.send_text(pusher::SUBSCRIBE)?,
            },
            Said::Subscribed => self.state = State::Open,
            Said::Ping => self.send_text(pusher::PONG)?,
            Said::Joined => self.others.joined += 1,
            Said::Left => self.others.left += 1,
            Said::Event { number, sent_at } => self.take_numbered(number, || sent_at, now, tally)?,
        }
        Ok(())
    }

    fn take_numbered(
        &mut self,
        number: u64,
        sent_at: impl FnOnce() -> u64,
        now: u64,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let lane = (number as usize).checked_rem(self.manner.lanes);
        let due = lane.map_or(self.due.number(), |lane| self.lanes[lane]);
        ensure!(number == due, "message {number} came where {due} was due");
        match lane {
            Some(lane) => self.lanes[lane] += self.manner.lanes as u64,
            None => self.due.advance(),
        }
        self.next += 1;
        tally.received += 1;
        if let Some(latencies) = &mut tally.latencies {
            latencies.push(now.saturating_sub(sent_at()));
        }
        Ok(())
    }
}
