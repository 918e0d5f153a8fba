//! What clients receive and send, as bytes: how publications are written ([`plain`], [`Encoding`]), and what differs
//! between clients ([`Protocol`]).

pub(crate) mod after;
pub(crate) mod allowance;
pub(crate) mod client_id;
pub(crate) mod command;
mod encoding;
mod frame_meter;
pub mod frames;
pub(crate) mod id;
pub(crate) mod incoming;
pub(crate) mod native;
pub mod plain;
pub(crate) mod pusher;
pub(crate) mod sse;
mod wants;
mod websocket;
mod wire;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::client_message::ClientMessage;
use crate::disconnect::Disconnect;
use crate::protocol::allowance::Rates;
use crate::protocol::incoming::{ReadBuffer, Source, Turn};
use crate::protocol::native::ServerMessage;
use crate::protocol::pusher::Pusher;
use crate::protocol::sse::{Form, Sse};

pub(crate) use encoding::{Encoding, Written};
pub(crate) use wants::{ClientKind, NATIVE, Wants};
pub(crate) use websocket::{Closing, WebSocket};

/// What a request has asked for, with what came after it. The thread that gets the client makes its [`Protocol`] of
/// it.
#[derive(Debug)]
pub(crate) enum Opening {
    /// A WebSocket connection, on which something was received already.
    WebSocket { received: Vec<u8>, wants: Wants },
    /// A stream of server-sent events.
    Sse { form: Form, wants: Wants },
}

impl Opening {
    /// What the client speaks, and what it wants. Its messages may have so many bytes.
    pub(crate) fn into_parts(self, max_message_bytes: usize, now: Instant) -> (Protocol, Wants) {
        match self {
            Opening::WebSocket { received, wants } if matches!(wants.kind, ClientKind::Pusher) => {
                let websocket = WebSocket::new(received, max_message_bytes, now);
                (Protocol::Pusher(Box::new(Pusher::new(websocket, now))), wants)
            }
            Opening::WebSocket { received, wants } => (Protocol::websocket(received, max_message_bytes, now), wants),
            Opening::Sse { form, wants } => (Protocol::Sse(Box::new(Sse::new(form, now))), wants),
        }
    }

    /// What follows the response to a client that is to come back later. None: the end of the connection says that.
    pub(crate) fn come_back_later(&self) -> Option<Vec<u8>> {
        match self {
            Opening::WebSocket { .. } => None,
            Opening::Sse { .. } => Some(sse::come_back_later()),
        }
    }

    /// Forgets what the client asks for: it is disconnected at once.
    pub(crate) fn want_nothing(&mut self) {
        let (Opening::WebSocket { wants, .. } | Opening::Sse { wants, .. }) = self;
        *wants = Wants { kind: ClientKind::Plain, identity: None, after: None };
    }

    /// The position that it names.
    pub(crate) fn after(&self) -> Option<&str> {
        let (Opening::WebSocket { wants, .. } | Opening::Sse { wants, .. }) = self;
        wants.after.as_deref()
    }

    /// Whether the client has sent more than its request.
    pub(crate) fn has_received(&self) -> bool {
        match self {
            Opening::WebSocket { received, .. } => !received.is_empty(),
            Opening::Sse { .. } => false,
        }
    }
}

/// What a client speaks. The write path does not touch it.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// WebSocket (RFC 6455).
    WebSocket(WebSocket),
    /// Server-sent events. Boxed, so that it takes no memory of the others.
    Sse(Box<Sse>),
    /// The Pusher protocol, on WebSocket. Boxed for the same reason.
    Pusher(Box<Pusher>),
}

impl Protocol {
    /// A client that was accepted, whose messages may have so many bytes.
    pub(crate) fn websocket(received: Vec<u8>, max_message_bytes: usize, now: Instant) -> Protocol {
        Protocol::WebSocket(WebSocket::new(received, max_message_bytes, now))
    }

    /// How publications are written for it that it gets by channel.
    pub(crate) fn encoding(&self) -> Encoding {
        match self {
            Protocol::WebSocket(_) => Encoding::WebSocket,
            Protocol::Sse(sse) if sse.form.is_named => Encoding::SseNamed,
            Protocol::Sse(_) => Encoding::Sse,
            Protocol::Pusher(_) => Encoding::Pusher,
        }
    }

    /// Whether an application can answer it: it sends and receives messages of its own.
    pub(crate) fn is_for_applications(&self) -> bool {
        matches!(self, Protocol::WebSocket(_))
    }

    /// Bytes of memory that it takes beside itself.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Protocol::WebSocket(websocket) => websocket.held_bytes(),
            Protocol::Sse(_) => 0,
            Protocol::Pusher(pusher) => size_of::<Pusher>() + pusher.websocket.held_bytes(),
        }
    }

    /// What differs between streams of server-sent events. A WebSocket has none of it.
    pub(crate) fn stream_form(&self) -> Form {
        match self {
            Protocol::WebSocket(_) | Protocol::Pusher(_) => Form::default(),
            Protocol::Sse(sse) => sse.form,
        }
    }

    /// What the client is told beside events, if there is a way to say it.
    pub(crate) fn message(&self, message: &ServerMessage<'_>) -> Option<Vec<u8>> {
        match self {
            Protocol::WebSocket(_) => Some(message.encode()),
            Protocol::Sse(sse) => match message {
                ServerMessage::Heartbeat { id } => Some(sse::heartbeat(id, sse.form)),
                ServerMessage::Gap { id } => Some(sse::gap(id)),
                _ => None,
            },
            Protocol::Pusher(_) => None,
        }
    }

    /// What asks the client whether it is there. None: it cannot answer, and the kernel finds out.
    pub(crate) fn ping(&self) -> Option<Vec<u8>> {
        match self {
            Protocol::WebSocket(_) | Protocol::Pusher(_) => Some(WebSocket::ping()),
            Protocol::Sse(_) => None,
        }
    }

    /// What ends a session.
    pub(crate) fn close(&mut self, disconnect: Disconnect, max_message_bytes: usize) -> Vec<u8> {
        match self {
            Protocol::WebSocket(websocket) => websocket.close(disconnect.into(), max_message_bytes),
            Protocol::Sse(_) => sse::close(disconnect),
            Protocol::Pusher(pusher) => pusher.websocket.close(pusher::closing(disconnect), max_message_bytes),
        }
    }

    /// Whether the client answers what ends a session.
    pub(crate) fn answers_close(&self) -> bool {
        matches!(self, Protocol::WebSocket(_) | Protocol::Pusher(_))
    }

    /// What ends a session whose client is not listened to any more: what it had begun to send is forgotten.
    pub(crate) fn end(&mut self, disconnect: Disconnect) -> Vec<u8> {
        match self {
            Protocol::WebSocket(websocket) => {
                websocket.forget();
                WebSocket::close_frame(disconnect)
            }
            Protocol::Sse(_) => sse::close(disconnect),
            Protocol::Pusher(pusher) => {
                pusher.websocket.forget();
                WebSocket::close_frame(pusher::closing(disconnect))
            }
        }
    }

    /// Forgets what the client had begun to send.
    pub(crate) fn forget(&mut self) {
        match self {
            Protocol::WebSocket(websocket) => websocket.forget(),
            Protocol::Sse(_) => {}
            Protocol::Pusher(pusher) => pusher.websocket.forget(),
        }
    }

    /// Where the first message ends at or after an offset, of messages that the server has encoded for it.
    pub(crate) fn boundary(&self, messages: &[u8], offset: usize) -> usize {
        match self {
            Protocol::WebSocket(_) | Protocol::Pusher(_) => frames::boundary(messages, offset),
            Protocol::Sse(_) => sse::boundary(messages, offset),
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
            Protocol::Sse(sse) => sse.read(source, buffer, rates, now),
            Protocol::Pusher(pusher) => pusher.websocket.read(source, buffer, max_message_bytes, rates, now, deliver),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_websocket_take_no_more_memory_because_there_are_others() {
        assert_eq!(size_of::<Protocol>(), size_of::<WebSocket>());
    }
}
