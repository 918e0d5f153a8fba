//! A client on its way from the HTTP server to a thread of the hub.

use std::io::Write;
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::application::Headers;
use crate::permit::Permit;
use crate::protocol::Opening;

/// A client whose handshake was accepted.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    pub(crate) opening: Opening,
    pub(crate) connection: Connection,
}

impl Joining {
    /// Tells a client to come back later: the server stops, or what the client named did not come in time. Returns a
    /// client whose protocol has no such answer.
    pub(super) fn refuse_for_now(self: Box<Self>) -> Option<Box<Self>> {
        let Some(last) = self.opening.come_back_later() else { return Some(self) };
        let Connection { mut stream, response, .. } = self.connection;
        // The socket is new, so it takes this; if the client has gone, nobody misses it.
        let _ = stream.write_all(&[response, last].concat());
        None
    }
}

/// The connection of a client whose handshake was accepted.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// The handshake response. The hub writes it, so that a client that has it misses no event after it.
    pub(crate) response: Vec<u8>,
    /// Freed when the session ends.
    pub(crate) permit: Permit,
}
