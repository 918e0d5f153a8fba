//! What clients receive and send, as bytes: how publications are written ([`Encoding`]), and what differs between
//! clients ([`Protocol`]).

pub(crate) mod allowance;
mod frame_meter;
pub mod frames;
pub(crate) mod incoming;
pub mod plain;
mod websocket;

use std::time::Instant;

use tungstenite::Message;

use crate::disconnect::Disconnect;
use crate::hub::limits::Limits;
use crate::protocol::incoming::{ReadBuffer, Source, Turn};
use crate::protocol::websocket::WebSocket;
use crate::publication::Publication;

/// A way to write publications for clients. Each is encoded once for all clients that use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Text messages of WebSocket, in the format of the pure-PHP server.
    Plain,
}

impl Encoding {
    /// Appends the frame of a publication.
    pub(crate) fn encode(self, publication: &Publication<'_>, frames: &mut Vec<u8>) {
        match self {
            Encoding::Plain => plain::encode(publication, frames),
        }
    }
}

/// What a client speaks. The write path does not touch it.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// WebSocket (RFC 6455).
    WebSocket(WebSocket),
}

impl Protocol {
    /// A WebSocket client that has sent something already after its request.
    pub(crate) fn websocket(received: Vec<u8>, limits: &Limits, now: Instant) -> Protocol {
        Protocol::WebSocket(WebSocket::new(received, limits, now))
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Protocol::WebSocket(websocket) => websocket.held_bytes(),
        }
    }

    /// What asks the client whether it is there.
    pub(crate) fn ping(&self) -> Vec<u8> {
        match self {
            Protocol::WebSocket(_) => WebSocket::ping(),
        }
    }

    /// What ends a session: the client is to answer it.
    pub(crate) fn close(&mut self, disconnect: Disconnect, limits: &Limits) -> Vec<u8> {
        match self {
            Protocol::WebSocket(websocket) => websocket.close(disconnect, limits),
        }
    }

    /// What ends a session whose client is not listened to any more: what it had begun to send is forgotten.
    pub(crate) fn end(&mut self, disconnect: Disconnect) -> Vec<u8> {
        match self {
            Protocol::WebSocket(websocket) => {
                websocket.forget();
                WebSocket::close_frame(disconnect)
            }
        }
    }

    /// Forgets what the client had begun to send.
    pub(crate) fn forget(&mut self) {
        match self {
            Protocol::WebSocket(websocket) => websocket.forget(),
        }
    }

    /// Reads what the client has sent, and hands each message to `deliver` until that returns false.
    pub(crate) fn read(
        &mut self,
        source: Source<'_>,
        buffer: &mut ReadBuffer,
        limits: &Limits,
        now: Instant,
        deliver: impl FnMut(Message) -> bool,
    ) -> Turn {
        match self {
            Protocol::WebSocket(websocket) => websocket.read(source, buffer, limits, now, deliver),
        }
    }
}
