//! What is WebSocket about a client: reading its messages within what it may send, pings, close frames.

use std::ops::ControlFlow;
use std::time::Instant;

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::client_message::ClientMessage;
use crate::disconnect::Disconnect;
use crate::protocol::allowance::{Allowance, Rates};
use crate::protocol::frames::encode_control;
use crate::protocol::incoming::{Incoming, ReadBuffer, Source, Turn, TurnEnd};

/// One client's side of the protocol.
#[derive(Debug)]
pub(crate) struct WebSocket {
    /// What the client is in the middle of sending. Most are in the middle of nothing.
    incoming: Option<Box<Incoming>>,
    allowance: Allowance,
}

/// What a close frame says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    /// At most 123 bytes.
    pub(crate) reason: &'static str,
}

impl From<Disconnect> for Closing {
    fn from(disconnect: Disconnect) -> Closing {
        Closing { code: disconnect.code(), reason: disconnect.reason() }
    }
}

impl WebSocket {
    /// A client that has sent something already after its request.
    pub(super) fn new(received: Vec<u8>, max_message_bytes: usize, now: Instant) -> WebSocket {
        let incoming = (!received.is_empty()).then(|| Box::new(Incoming::new(received, max_message_bytes)));
        WebSocket { incoming, allowance: Allowance::new(now) }
    }

    /// Bytes of memory that it takes beside itself.
    pub(super) fn held_bytes(&self) -> usize {
        self.incoming.as_ref().map_or(0, |incoming| incoming.held_bytes())
    }

    /// A ping.
    pub(super) fn ping() -> Vec<u8> {
        encode_control(Frame::ping(Vec::new()))
    }

    /// A close frame to a client whose answer is not awaited.
    pub(crate) fn close_frame(closing: impl Into<Closing>) -> Vec<u8> {
        encode_control(Frame::close(Some(close_frame(closing.into()))))
    }

    /// Our close frame. What the client sends from now on is read for its close frame alone.
    pub(super) fn close(&mut self, closing: Closing, max_message_bytes: usize) -> Vec<u8> {
        let new = || Box::new(Incoming::new(Vec::new(), max_message_bytes));
        self.incoming.get_or_insert_with(new).close(close_frame(closing))
    }

    /// Forgets what was read and is not complete: what the client sends means nothing any more.
    pub(super) fn forget(&mut self) {
        self.incoming = None;
    }

    /// Reads what the client has sent, if it may send now, and hands each message to `deliver` until that
    /// breaks. Without `deliver` nobody wants them.
    pub(super) fn read(
        &mut self,
        source: Source<'_>,
        buffer: &mut ReadBuffer,
        max_message_bytes: usize,
        rates: &Rates,
        now: Instant,
        deliver: Option<impl FnMut(ClientMessage) -> ControlFlow<()>>,
    ) -> Turn {
        let may_send = self.allowance.bytes(rates, now).and_then(|_| self.allowance.messages(rates, now));
        if let Err(again) = may_send {
            return Turn::throttled(again);
        }
        let mut incoming = self.incoming.take().unwrap_or_else(|| buffer.begin(max_message_bytes));
        let turn = incoming.read(source, buffer, &mut self.allowance, rates, now, deliver);
        self.incoming = match turn.end {
            TurnEnd::Closed | TurnEnd::Broken(_) | TurnEnd::Ended => None,
            _ => buffer.take_back(incoming),
        };
        turn
    }
}

fn close_frame(Closing { code, reason }: Closing) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}
