//! Reading what has arrived for a client: into one buffer for all clients, or counted and dropped in the kernel.

use std::io::{ErrorKind, Read};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::{Client, State};

/// What all clients share while they read.
#[derive(Debug)]
pub(crate) struct Reading {
    buffer: Box<[u8]>,
    pub(crate) tally: Tally,
    /// Bytes of every frame, if frames are only counted.
    pub(super) discards: Option<usize>,
    /// A client is read from once in a turn, at most as much as the buffer takes.
    once: bool,
}

/// What the clients have received.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Events.
    pub(crate) received: u64,
    /// The id of the last welcome.
    pub(crate) position: Option<String>,
    /// Bytes of all that came.
    pub(crate) bytes: u64,
    /// Answers to commands.
    pub(crate) answers: u64,
    /// Nanoseconds from sending to reading, where they are asked for.
    pub(crate) latencies: Option<Vec<u64>>,
}

impl Reading {
    pub(crate) fn new() -> Reading {
        Reading { buffer: vec![0; 256 * 1024].into(), tally: Tally::default(), discards: None, once: false }
    }

    /// Reads at most so many bytes of a client in a turn. A message must not be longer.
    pub(crate) fn pace(&mut self, bytes: usize) {
        self.buffer = vec![0; bytes].into();
        self.once = true;
    }

    /// Lets the kernel drop what arrives from now on, and counts frames by their bytes. All have the same length. There
    /// are no other frames, since pings are sent only to clients that were silent for longer than a load lasts.
    pub(crate) fn discard(&mut self, frame_bytes: usize) {
        self.discards = Some(frame_bytes);
        // The kernel does not write into it; its size is what it drops at once.
        self.buffer = vec![0; 4 * 1024 * 1024].into();
    }
}

impl Client {
    /// Counts what has arrived without a copy.
    pub(super) fn discard(&mut self, frame_bytes: usize, reading: &mut Reading) -> anyhow::Result<()> {
        loop {
            match rustix::net::recv(&self.stream, &mut reading.buffer[..], RecvFlags::TRUNC) {
                Ok((_, 0)) => bail!("the server closed a connection after message {}", self.next),
                Ok((_, read)) => {
                    self.discarded += read as u64;
                    let messages = self.discarded / frame_bytes as u64;
                    reading.tally.received += messages - self.next;
                    self.next = messages;
                    if read < reading.buffer.len() {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno).context("a connection broke"),
            }
        }
    }

    pub(super) fn read(&mut self, reading: &mut Reading) -> anyhow::Result<()> {
        loop {
            // The rest is put before the bytes that are read next, so that every frame is in one piece.
            let kept = self.rest.len();
            reading.buffer[..kept].copy_from_slice(&self.rest);
            let read = match self.stream.read(&mut reading.buffer[kept..]) {
                Ok(0) => bail!("the server closed a connection after message {}", self.next),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a connection broke"),
            };
            reading.tally.bytes += read as u64;
            let filled = kept + read;
            let drained = filled < reading.buffer.len() || reading.once;
            let mut begin = 0;
            if self.state == State::AwaitingResponse {
                begin = self.take_response(&reading.buffer[..filled])?;
            }
            if self.state > State::AwaitingResponse {
                let received = &reading.buffer[begin..filled];
                begin += if self.manner.stream {
                    self.take_blocks(received, &mut reading.tally)?
                } else {
                    self.take_frames(received, &mut reading.tally)?
                };
            }
            self.rest.clear();
            self.rest.extend_from_slice(&reading.buffer[begin..filled]);
            if drained {
                return Ok(());
            }
        }
    }
}
