//! What clients receive and send, as bytes: how publications are written ([`Encoding`]), and what differs between
//! clients ([`Protocol`]).

pub(crate) mod after;
pub(crate) mod allowance;
pub(crate) mod client_id;
pub(crate) mod command;
mod frame_meter;
pub mod frames;
pub(crate) mod incoming;
pub(crate) mod native;
pub mod plain;
mod wants;
mod websocket;
mod wire;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::client_message::ClientMessage;
use crate::disconnect::Disconnect;
use crate::protocol::allowance::Rates;
use crate::protocol::incoming::{ReadBuffer, Source, Turn};
use crate::publication::Publication;

pub(crate) use wants::{ClientKind, NATIVE, Wants};
pub(crate) use websocket::WebSocket;

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

/// What a request has asked for, with what came behind it. The thread that gets the client makes its [`Protocol`] of
/// it.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A WebSocket connection, on which something was received already.
    WebSocket { received: Vec<u8>, wants: Wants },
}

impl Opening {
    /// What is needed for the protocol, and what the client wants.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Wants) {
        match self {
            Opening::WebSocket { received, wants } => (received, wants),
        }
    }

    /// Whether the client may have to be sent again what it has missed.
    pub(crate) fn resumes(&self) -> bool {
        match self {
            Opening::WebSocket { wants, .. } => wants.after.is_some(),
        }
    }

    /// Whether the client has sent more than its request.
    pub(crate) fn has_received(&self) -> bool {
        match self {
            Opening::WebSocket { received, .. } => !received.is_empty(),
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
    /// A client that was accepted, whose messages may have so many bytes.
    pub(crate) fn websocket(received: Vec<u8>, max_message_bytes: usize, now: Instant) -> Protocol {
        Protocol::WebSocket(WebSocket::new(received, max_message_bytes, now))
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
    pub(crate) fn close(&mut self, disconnect: Disconnect, max_message_bytes: usize) -> Vec<u8> {
        match self {
            Protocol::WebSocket(websocket) => websocket.close(disconnect, max_message_bytes),
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

    /// Reads what the client has sent, and hands each message to `deliver` until that breaks. Without
    /// `deliver` nobody wants them: they are read and forgotten.
    pub(crate) fn read(
        &mut self,
        source: Source<'_>,
        buffer: &mut ReadBuffer,
        max_message_bytes: usize,
        rates: &Rates,
        now: Instant,
        deliver: Option<impl FnMut(ClientMessage) -> ControlFlow<()>>,
    ) -> Turn {
        match self {
            Protocol::WebSocket(websocket) => websocket.read(source, buffer, max_message_bytes, rates, now, deliver),
        }
    }
}
