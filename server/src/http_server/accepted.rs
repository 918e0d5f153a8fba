//! A request that is accepted, on its way to the hub.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::http_server::error::HttpError;
use crate::http_server::head::Head;
use crate::hub::{Connection, Hub, Joining};
use crate::permit::Permit;
use crate::protocol::Opening;

/// A request of a client that is accepted, not yet answered.
pub(super) struct Accepted {
    pub(super) head: Head,
    pub(super) response: Vec<u8>,
    pub(super) opening: Opening,
    pub(super) permit: Permit,
}

impl Accepted {
    /// Hands the connection over to the hub.
    pub(super) fn join(self, hub: &Hub, stream: TcpStream, address: SocketAddr) -> Result<(), HttpError> {
        let Accepted { head, response, opening, permit } = self;
        stream.set_nodelay(true)?;
        let stream = mio::net::TcpStream::from_std(stream.into_std()?);
        let connection = Connection { stream, response, permit };
        hub.join(Joining { address, path: head.target, headers: head.headers, opening, connection });
        Ok(())
    }
}
