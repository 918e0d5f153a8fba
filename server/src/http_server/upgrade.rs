//! From a WebSocket handshake to a client of the hub.

use std::net::SocketAddr;

use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::disconnect::Disconnect;
use crate::http_server::answer::{encode, refuse};
use crate::http_server::error::HttpError;
use crate::http_server::gate::{Gate, Refusal};
use crate::http_server::head::Head;
use crate::hub::{Connection, Hub, Joining};
use crate::permit::{PendingPermit, Permit, TooMany};
use crate::protocol::{Opening, WebSocket};

/// A handshake that is accepted, not yet answered.
pub(super) struct Accepted {
    head: Head,
    response: Vec<u8>,
    /// What came behind the head.
    received: Vec<u8>,
    permit: Permit,
}

/// Makes clients of requests.
#[derive(Debug)]
pub(super) struct Handshakes {
    pub(super) hub: Hub,
    pub(super) gate: Gate,
}

impl Handshakes {
    /// Accepts a handshake, or answers why not.
    pub(super) async fn accept(
        &self,
        stream: &mut TcpStream,
        head: Head,
        received: Vec<u8>,
        pending: &mut PendingPermit,
    ) -> Result<Accepted, HttpError> {
        if let Err(Refusal { status, problem }) = self.gate.admit(&head).await {
            refuse(stream, status, &problem).await?;
            return Err(HttpError::Handshake(problem));
        }
        let response = match head.accept() {
            Ok(accepted) => encode(&accepted)?,
            Err(problem) => {
                refuse(stream, StatusCode::BAD_REQUEST, &problem).await?;
                return Err(HttpError::Handshake(problem));
            }
        };
        match pending.complete() {
            Ok(permit) => Ok(Accepted { head, response, received, permit }),
            Err(too_many) => {
                refuse_full(stream, &head, response, too_many).await?;
                Err(HttpError::TooMany)
            }
        }
    }

    /// Hands the connection over to the hub.
    pub(super) fn join(&self, stream: TcpStream, address: SocketAddr, accepted: Accepted) -> Result<(), HttpError> {
        let Accepted { head, response, received, permit } = accepted;
        stream.set_nodelay(true)?;
        let stream = mio::net::TcpStream::from_std(stream.into_std()?);
        let opening = Opening::WebSocket { received };
        let connection = Connection { stream, response, permit };
        self.hub.join(Joining { address, path: head.target, headers: head.headers, opening, connection });
        Ok(())
    }
}

/// Tells a client whose handshake is valid that there is no room for it. A browser tells its page nothing of a
/// handshake that was refused, so what comes from a page is accepted, and closed with a code.
async fn refuse_full(
    stream: &mut TcpStream,
    head: &Head,
    mut response: Vec<u8>,
    too_many: TooMany,
) -> Result<(), HttpError> {
    match too_many {
        TooMany::OfAddress => {
            let problem = "too many connections of this address (max_connections_per_address)";
            refuse(stream, StatusCode::TOO_MANY_REQUESTS, problem).await
        }
        TooMany::Altogether if head.origin().is_none() => {
            let problem = "server is full (max_connections), connect again later";
            refuse(stream, StatusCode::SERVICE_UNAVAILABLE, problem).await
        }
        TooMany::Altogether => {
            response.extend(WebSocket::close_frame(Disconnect::Full));
            Ok(stream.write_all(&response).await?)
        }
    }
}
