//! The check of what a client has read: every message arrives once and in order.

use std::io::Write;

use anyhow::{bail, ensure};

use super::{Client, State};
use crate::frames;
use crate::machine::monotonic_nanos;
use crate::message;
use crate::nats::{self, Operation};

/// An empty pong, masked with zeros.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

impl Client {
    /// Checks the complete frames and returns how many bytes they have.
    pub(super) fn take_frames(
        &mut self,
        bytes: &[u8],
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<usize> {
        let now = if latencies.is_some() { monotonic_nanos() } else { 0 };
        let mut begin = 0;
        while let Some(frame) = frames::first(&bytes[begin..]) {
            let payload = &bytes[begin + frame.header_bytes..begin + frame.bytes()];
            begin += frame.bytes();
            match frame.opcode {
                frames::TEXT | frames::BINARY if self.manner.nats => {
                    self.take_operations(payload, now, received, latencies)?;
                }
                frames::TEXT => {
                    self.take_message(payload, now, received, latencies)?;
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
    fn take_operations(
        &mut self,
        payload: &[u8],
        now: u64,
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<()> {
        let mut stream = std::mem::take(&mut self.operation);
        stream.extend_from_slice(payload);
        let mut begin = 0;
        while let Some((operation, bytes)) = nats::first(&stream[begin..])? {
            match operation {
                Operation::Message(text) => self.take_message(text, now, received, latencies)?,
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

    fn take_message(
        &mut self,
        text: &[u8],
        now: u64,
        received: &mut u64,
        latencies: &mut Option<Vec<u64>>,
    ) -> anyhow::Result<()> {
        let number = message::number(text)?;
        let lane = (number as usize).checked_rem(self.manner.lanes);
        let due = lane.map_or(self.next, |lane| self.lanes[lane]);
        ensure!(number == due, "message {number} came where {due} was due");
        if let Some(lane) = lane {
            self.lanes[lane] += self.manner.lanes as u64;
        }
        self.next += 1;
        *received += 1;
        if let Some(latencies) = latencies {
            latencies.push(now.saturating_sub(message::sent_at(text)));
        }
        Ok(())
    }
}
