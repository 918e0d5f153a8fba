//! What comes in on the one port: a request's head is read, a WebSocket handshake goes to the hub on any path, everything
//! else is answered as plain HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::health::Health;
use crate::http_server::gate::Gate;
use crate::http_server::head::HeadError;
use crate::http_server::head_reader::HeadReader;
use crate::http_server::linger::linger;
use crate::http_server::routes::refuse;
use crate::http_server::spare_slots::SpareSlot;
use crate::http_server::upgrade::Accepted;
use crate::hub::Hub;
use crate::permit::PendingPermit;

/// How long answering may take, when the request is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Why a connection ended before it became a session.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the client left before its request was complete")]
    Incomplete,
    #[error("it took too long")]
    TooLong,
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the handshake is not valid: {0}")]
    Handshake(String),
    #[error("too many connections")]
    TooMany,
    #[error("plain HTTP: {0}")]
    Plain(#[from] hyper::Error),
}

/// What answering takes, for all connections.
#[derive(Debug)]
pub(crate) struct Responder {
    pub(crate) hub: Hub,
    pub(crate) health: Arc<Health>,
    pub(crate) gate: Gate,
    pub(crate) max_header_bytes: usize,
}

impl Responder {
    /// Answers the request of a new connection, which must be complete within a time. It may have a spare slot.
    pub(crate) async fn answer(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        limit: Duration,
        mut pending: PendingPermit,
        spare: Option<&SpareSlot>,
    ) -> Result<(), HttpError> {
        let answered = self.answer_on(&mut stream, limit, &mut pending, spare).await;
        match answered {
            Ok(Some(accepted)) => self.join(stream, address, accepted),
            Err(HttpError::TooLong) => Err(HttpError::TooLong),
            answered => {
                spare.inspect(|spare| spare.unkeep());
                linger(&mut stream).await;
                answered.map(|_| ())
            }
        }
    }

    /// Writes the answer, unless it is for the hub to write.
    async fn answer_on(
        &self,
        stream: &mut TcpStream,
        limit: Duration,
        pending: &mut PendingPermit,
        spare: Option<&SpareSlot>,
    ) -> Result<Option<Accepted>, HttpError> {
        let mut reader = HeadReader::new(self.max_header_bytes);
        let head = timeout(limit, reader.read(stream)).await.map_err(|_| HttpError::TooLong)??;
        let mut received = reader.into_received();
        let answered = async {
            match head {
                Ok(None) => Err(HttpError::Incomplete),
                Ok(Some(head)) if head.is_upgrade() => {
                    let received = received.split_off(head.length);
                    self.upgrade(stream, head, received, pending).await.map(Some)
                }
                Ok(Some(_)) => {
                    spare.inspect(|spare| spare.keep());
                    self.serve_plain(stream, received).await.map(|()| None)
                }
                Err(error) => {
                    refuse(stream, error.status(), &error.to_string()).await?;
                    Err(error.into())
                }
            }
        };
        timeout(ANSWER_TIMEOUT, answered).await.map_err(|_| HttpError::TooLong)?
    }
}
