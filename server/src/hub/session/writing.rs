//! Writing to one client: what the log and its outbox have for it, or what its channels have, past the outbox.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::net::Shutdown;
use std::time::Instant;

use mio::net::TcpStream;

use super::{Ending, Session};
use crate::hub::log::{Log, Position};

/// Parts of an outbox that are written at once.
const SLICES: usize = 32;

/// What writing led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// The client has all there is.
    All,
    /// The socket is full.
    Blocked,
    /// Both close frames have passed.
    Finished,
}

impl Session {
    /// Whether publications may be written to the socket, past the outbox.
    pub(in crate::hub) fn may_write_directly(&self) -> bool {
        !self.blocked && self.outbox.is_empty()
    }

    /// Writes publications, past the outbox. Returns how many bytes the socket has taken.
    pub(in crate::hub) fn write_directly(&mut self, bytes: &[u8], now: Instant) -> io::Result<usize> {
        self.write_once(now, bytes.len(), |stream| stream.write(bytes))
    }

    /// Writes what this client still has to receive of what comes before a position, until there is nothing or the
    /// socket is full.
    pub(crate) fn write(&mut self, limit: Position, log: &Log, now: Instant) -> io::Result<WriteOutcome> {
        let is_blocked =
            if self.subscriber.is_some() { self.write_outbox(now)? } else { self.write_up_to(limit, log, now)? };
        if is_blocked {
            return Ok(WriteOutcome::Blocked);
        }
        self.progressed = now;
        if self.subscriber.is_none() && limit < log.head() {
            return Ok(WriteOutcome::All);
        }
        match self.ending {
            Ending::Awaited => Ok(WriteOutcome::All),
            Ending::Dropped => Ok(WriteOutcome::Finished),
            Ending::Lingering => {
                // If the client is gone already there is nobody to tell that nothing more will come.
                let _ = self.stream.shutdown(Shutdown::Write);
                Ok(WriteOutcome::All)
            }
        }
    }

    /// Writes what of the log, and of the outbox, comes before a position. Returns whether the socket is full.
    fn write_up_to(&mut self, limit: Position, log: &Log, now: Instant) -> io::Result<bool> {
        loop {
            let head = self.finish.unwrap_or(limit).min(limit);
            let next = self.outbox.next().filter(|(after, _)| *after <= limit);
            let end = next.map_or(head, |(after, _)| after);
            let of_log = self.position < end;
            let bytes = match next {
                Some((_, bytes)) if !of_log => bytes,
                None if !of_log => break,
                _ => self.gap(log, end)?,
            };
            let written = match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // A stream socket that takes less than it was given is full (epoll(7), on edge-triggered use).
            self.blocked = written < bytes.len();
            self.progressed = now;
            if of_log {
                self.position += written as u64;
            } else {
                self.outbox.advance(written);
            }
            if self.blocked {
                return Ok(true);
            }
        }
        self.blocked = false;
        Ok(false)
    }

    /// Writes what is in the outbox, several parts at once. Returns whether the socket is full.
    fn write_outbox(&mut self, now: Instant) -> io::Result<bool> {
        self.blocked = false;
        while !self.outbox.is_empty() && !self.blocked {
            let outbox = std::mem::take(&mut self.outbox);
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = outbox.slices(&mut slices);
            let length = slices[..count].iter().map(|slice| slice.len()).sum();
            // send(2) costs less than writev(2), and mostly there is one part.
            let taken = match &slices[..count] {
                [bytes] => self.write_once(now, length, |stream| stream.write(bytes)),
                slices => self.write_once(now, length, |stream| stream.write_vectored(slices)),
            };
            self.outbox = outbox;
            self.outbox.advance(taken?);
        }
        Ok(self.blocked)
    }

    /// Writes once. Notes whether the socket is full, and returns how many of the bytes it has taken.
    fn write_once(
        &mut self,
        now: Instant,
        length: usize,
        write: impl Fn(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let taken = loop {
            match write(&mut self.stream) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break 0,
                written => break written?,
            }
        };
        // A stream socket that takes less than it was given is full (epoll(7), on edge-triggered use).
        self.blocked = taken < length;
        if taken > 0 {
            self.progressed = now;
        }
        if let Some(pace) = &mut self.pace {
            pace.take(taken);
        }
        Ok(taken)
    }

    /// What the log holds for the session up to a position. Each session that is not behind stands at the head, and the
    /// log keeps what those that are behind need; if that were not so, this session alone would end.
    fn gap<'a>(&self, log: &'a Log, end: Position) -> io::Result<&'a [u8]> {
        log.between(self.position, end).ok_or_else(|| io::Error::other("its place in the log is not kept any more"))
    }
}
