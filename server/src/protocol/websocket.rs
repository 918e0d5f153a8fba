//! What is WebSocket about a client: reading its messages within what it may send, pings, close frames.

use std::time::Instant;

use tungstenite::Message;
use tungstenite::protocol::frame::Frame;

use crate::disconnect::Disconnect;
use crate::hub::limits::Limits;
use crate::protocol::allowance::Allowance;
use crate::protocol::frames::encode_control;
use crate::protocol::incoming::{Incoming, ReadBuffer, Source, Turn, TurnEnd};

/// One client's side of the protocol.
#[derive(Debug)]
pub(crate) struct WebSocket {
    /// What the client is in the middle of sending. Most are in the middle of nothing.
    incoming: Option<Box<Incoming>>,
    allowance: Allowance,
}

impl WebSocket {
    /// A client that has sent something already after its request.
    pub(crate) fn new(received: Vec<u8>, limits: &Limits, now: Instant) -> WebSocket {
        let incoming = (!received.is_empty()).then(|| Box::new(Incoming::new(received, limits.max_message_bytes)));
        WebSocket { incoming, allowance: Allowance::new(now) }
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        self.incoming.as_ref().map_or(0, |incoming| incoming.held_bytes())
    }

    /// A ping.
    pub(crate) fn ping() -> Vec<u8> {
        encode_control(Frame::ping(Vec::new()))
    }

    /// A close frame to a client whose answer is not awaited.
    pub(crate) fn close_frame(disconnect: Disconnect) -> Vec<u8> {
        encode_control(Frame::close(Some(disconnect.close_frame())))
    }

    /// Our close frame. What the client sends from now on is read for its close frame alone.
    pub(crate) fn close(&mut self, disconnect: Disconnect, limits: &Limits) -> Vec<u8> {
        let new = || Box::new(Incoming::new(Vec::new(), limits.max_message_bytes));
        self.incoming.get_or_insert_with(new).close(disconnect)
    }

    /// Forgets what was read and is not complete: what the client sends means nothing any more.
    pub(crate) fn forget(&mut self) {
        self.incoming = None;
    }

    /// Reads what the client has sent, if it may send now, and hands each message to `deliver` until that returns
    /// false.
    pub(crate) fn read(
        &mut self,
        source: Source<'_>,
        buffer: &mut ReadBuffer,
        limits: &Limits,
        now: Instant,
        deliver: impl FnMut(Message) -> bool,
    ) -> Turn {
        let rates = &limits.rates;
        let may_send = self.allowance.bytes(rates, now).and_then(|_| self.allowance.messages(rates, now));
        if let Err(again) = may_send {
            return Turn { end: TurnEnd::Throttled(again), received: false, answer: Vec::new() };
        }
        let mut incoming = self.incoming.take().unwrap_or_else(|| buffer.begin(limits.max_message_bytes));
        let turn = incoming.read(source, buffer, &mut self.allowance, rates, now, deliver);
        self.incoming = match turn.end {
            TurnEnd::Closed | TurnEnd::Broken(_) | TurnEnd::Ended => None,
            _ => buffer.take_back(incoming),
        };
        turn
    }
}
