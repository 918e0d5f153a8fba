//! A connection to a server, by WebSocket or by server-sent events. Both give the messages of the protocol.

use std::time::Duration;

use anyhow::anyhow;
use queue::url_without_secrets;
use tokio::time::timeout;

use super::ended::Ended;
use super::event_stream::EventStream;
use super::request::{Request, Transport};
use super::socket::{self, Socket};
use super::told::Received;

/// How long connecting may take, with the answer to the request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// An open connection.
pub(super) enum Connection {
    Socket(Box<Socket>),
    EventStream(Box<EventStream>),
}

impl Connection {
    /// Connects with what is asked for, within a time.
    pub(super) async fn open(request: &Request) -> Result<Connection, Ended> {
        let opening = async {
            Ok(match request.transport {
                Transport::Url | Transport::Native => Connection::Socket(Box::new(socket::open(request).await?)),
                Transport::EventStream => Connection::EventStream(Box::new(EventStream::open(request).await?)),
            })
        };
        timeout(CONNECT_TIMEOUT, opening).await.unwrap_or_else(|_| {
            let url = url_without_secrets(&request.url);
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(Ended::passing(anyhow!("cannot connect to {url}: the server has not answered for {seconds} s")))
        })
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Received, Ended> {
        match self {
            Connection::Socket(socket) => Ok(Received::parse(socket::text(socket).await?)),
            Connection::EventStream(stream) => stream.next().await,
        }
    }

    /// Sends a command. A stream takes none: [`Request::command`] gives none for it.
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
