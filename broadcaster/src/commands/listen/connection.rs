//! A connection to a server, by WebSocket or by server-sent events. Both give the messages of the protocol.

use super::ended::Ended;
use super::event_stream::EventStream;
use super::request::{Request, Way};
use super::socket::{self, Socket};
use super::told::Received;

/// An open connection.
pub(super) enum Connection {
    Socket(Box<Socket>),
    EventStream(Box<EventStream>),
}

impl Connection {
    /// Connects with what is asked for.
    pub(super) async fn open(request: &Request) -> Result<Connection, Ended> {
        Ok(match request.way {
            Way::Url | Way::Native => Connection::Socket(Box::new(socket::open(request).await?)),
            Way::EventStream => Connection::EventStream(Box::new(EventStream::open(request).await?)),
        })
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Received, Ended> {
        match self {
            Connection::Socket(socket) => Ok(Received::parse(socket::text(socket).await?)),
            Connection::EventStream(stream) => stream.next().await,
        }
    }

    /// Sends a command. A stream of events takes none, and is asked for nothing by commands.
    pub(super) async fn send(&mut self, command: String) -> Result<(), Ended> {
        match self {
            Connection::Socket(socket) => socket::send(socket, command).await,
            Connection::EventStream(_) => Ok(()),
        }
    }

    /// Leaves.
    pub(super) async fn close(&mut self) {
        if let Connection::Socket(socket) = self {
            // The server learns of our end by the socket's.
            let _ = socket.close(None).await;
        }
    }
}
