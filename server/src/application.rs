//! The application: the code outside that answers for clients. The binary has none, the extension brings PHP's
//! handlers.

use std::net::SocketAddr;

use crate::client_message::ClientMessage;
use crate::session_id::SessionId;

/// What code outside does when a client connects, speaks or leaves. Called by one thread at a time: mostly by
/// that of the hub that has the client, sometimes by one that has just published. It must not block.
pub trait Application: Send + 'static {
    /// A client's handshake was accepted; its response is on the way.
    fn opened(&mut self, client: Client);

    /// A client sent a message.
    fn received(&mut self, session: SessionId, message: ClientMessage) -> Reception;

    /// Whether it wants messages at all. If not, and nothing is relayed, they are read and forgotten.
    fn listens(&self) -> bool {
        true
    }

    /// A session has ended, or its end has begun. Nothing can be sent to it any more, and nothing more comes from it.
    fn closed(&mut self, session: SessionId);

    /// The hub has told all that came in at once. Who serves the application on another thread can be woken now, once
    /// for all of it.
    fn turn_ended(&mut self) {}
}

/// A client as the application gets to know it.
#[derive(Debug)]
pub struct Client {
    /// By which the hub knows the client.
    pub session: SessionId,
    /// The remote address.
    pub address: SocketAddr,
    /// The request target as sent, with its query.
    pub path: String,
    /// The request's headers as sent, in their order.
    pub headers: Headers,
}

/// Names and values of a request's headers, as sent.
pub type Headers = Vec<(String, HeaderText)>;

/// The value of a header, which is text by custom and bytes by right (RFC 9110, section 5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderText {
    text: String,
    /// What was sent, where that is not UTF-8.
    bytes: Option<Vec<u8>>,
}

impl HeaderText {
    /// A value as sent.
    pub fn new(bytes: &[u8]) -> HeaderText {
        match str::from_utf8(bytes) {
            Ok(text) => HeaderText { text: text.to_owned(), bytes: None },
            Err(_) => HeaderText { text: String::from_utf8_lossy(bytes).into_owned(), bytes: Some(bytes.to_owned()) },
        }
    }

    /// The text, with a replacement for what is not UTF-8.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes as sent.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// What an application does with a message.
#[derive(Debug)]
pub enum Reception {
    /// It took it.
    Taken,
    /// It took it and can take no more: the client is not read from until [`Hub::resume`](crate::Hub::resume).
    TakenAndFull,
    /// It does not want it. If the message is an event and the server relays, it is broadcast.
    Declined(ClientMessage),
}

/// The application of a server that only broadcasts.
#[derive(Debug, Clone, Copy)]
pub struct NoApplication;

impl Application for NoApplication {
    fn opened(&mut self, _client: Client) {}

    fn received(&mut self, _session: SessionId, message: ClientMessage) -> Reception {
        Reception::Declined(message)
    }

    fn listens(&self) -> bool {
        false
    }

    fn closed(&mut self, _session: SessionId) {}
}
