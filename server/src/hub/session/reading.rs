//! Reading from one client: what the protocol makes of its bytes, and when the session ends because of it.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;
use std::time::Instant;

use super::{Ending, Session};
use crate::client_message::ClientMessage;
use crate::disconnect::Disconnect;
use crate::hub::Limits;
use crate::hub::log::Log;
use crate::protocol::incoming::{ReadBuffer, Source, TurnEnd};

/// Reads of a client whose bytes mean nothing any more, before the others have their turn.
const DISCARDS_PER_TURN: usize = 4;

/// What reading led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// There is nothing more to read.
    All,
    /// There may be more, in the next turn.
    More,
    /// There may be more, but the client has sent too much, and has to wait until then.
    Throttled(Instant),
    /// There may be more, but the application cannot take it now.
    Paused,
    /// The client has sent its close frame, or has to go: our close frame waits to be written.
    Closing(Option<Disconnect>),
    /// The connection has ended.
    Ended,
}

impl Session {
    /// Whether the application has paused the client, who cannot answer pings then.
    pub(in crate::hub) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Reads nothing more for now.
    pub(in crate::hub) fn pause(&mut self) {
        self.paused = true;
    }

    /// Reads again.
    pub(crate) fn resume(&mut self) {
        self.paused = false;
        self.unanswered = None;
        if !self.is_closing() {
            self.deadline = None;
        }
    }

    /// Reads what the client has sent and hands each message to `deliver`, until that breaks, there is no more, or it
    /// is the next one's turn. Without `deliver` messages are read and forgotten. Returns also how many there were.
    pub(crate) fn read(
        &mut self,
        buffer: &mut ReadBuffer,
        log: &Log,
        limits: &Limits,
        now: Instant,
        deliver: Option<impl FnMut(ClientMessage) -> ControlFlow<()>>,
    ) -> (ReadOutcome, usize) {
        if self.paused && !self.is_closing() {
            return (ReadOutcome::Paused, 0);
        }
        if self.ending != Ending::Awaited {
            return (self.discard(), 0);
        }
        // What comes after our close frame is of no interest, but the client's close frame is among it.
        let is_closing = self.is_closing();
        let deliver = deliver.filter(|_| !is_closing);
        let source = Source { stream: &mut self.stream, peer_closed: self.peer_closed };
        let turn = self.protocol.read(source, buffer, limits.max_message_bytes, &limits.rates, now, deliver);
        if turn.received {
            self.unanswered = None;
        }
        // A session that is closing may stand where the log has forgotten everything; it sends nothing more either.
        let boundary = if is_closing { self.position } else { self.boundary(log) };
        match turn.end {
            TurnEnd::Closed => {
                self.ending = Ending::Dropped;
                if !is_closing {
                    self.finish_at(boundary, turn.answer);
                }
            }
            TurnEnd::Broken(disconnect) => {
                self.ending = Ending::Lingering;
                if !is_closing {
                    let close = self.protocol.end(disconnect);
                    self.finish_at(boundary, close);
                }
            }
            _ if !turn.answer.is_empty() && !is_closing => {
                self.outbox.push_replaceable(boundary.max(self.position), turn.answer);
            }
            _ => {}
        }
        let outcome = match turn.end {
            TurnEnd::Drained => ReadOutcome::All,
            TurnEnd::More => ReadOutcome::More,
            TurnEnd::Throttled(again) => ReadOutcome::Throttled(again),
            TurnEnd::Full => {
                self.paused = true;
                ReadOutcome::Paused
            }
            TurnEnd::Closed => ReadOutcome::Closing(None),
            TurnEnd::Broken(disconnect) => ReadOutcome::Closing(Some(disconnect)),
            TurnEnd::Ended => ReadOutcome::Ended,
        };
        (outcome, turn.messages)
    }

    /// The client's bytes mean nothing any more, but unread ones would turn our last bytes into a reset.
    fn discard(&mut self) -> ReadOutcome {
        self.protocol.forget();
        let mut buffer = [0; 4096];
        for _ in 0..DISCARDS_PER_TURN {
            match self.stream.read(&mut buffer) {
                Ok(0) => return ReadOutcome::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadOutcome::All,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return ReadOutcome::Ended,
            }
        }
        ReadOutcome::More
    }
}
