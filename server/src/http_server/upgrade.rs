//! Which WebSocket handshakes are accepted, and how the others are answered.

use std::sync::Arc;

use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::disconnect::Disconnect;
use crate::http_server::accepted::Accepted;
use crate::http_server::answer::{encode, refuse};
use crate::http_server::error::HttpError;
use crate::http_server::gate::Gate;
use crate::http_server::head::Head;
use crate::http_server::proxies::Sender;
use crate::http_server::pusher_handshake::PusherRefusal;
use crate::http_server::refusal::Refusal;
use crate::permit::{PendingPermit, TooMany};
use crate::protocol::{ClientKind, Opening, Wants, WebSocket};

/// Answers WebSocket handshakes.
#[derive(Debug)]
pub(super) struct Handshakes {
    pub(super) gate: Arc<Gate>,
}

impl Handshakes {
    /// Accepts a handshake, or answers why not.
    pub(super) async fn accept(
        &self,
        stream: &mut TcpStream,
        head: Head,
        received: Vec<u8>,
        sender: Sender,
        pending: &mut PendingPermit,
    ) -> Result<Accepted, HttpError> {
        if let Err(refusal) = self.gate.check_host_and_origin(&head) {
            return Err(refuse_request(stream, &head, Vec::new(), refusal).await);
        }
        let response = match head.accept() {
            Ok(accepted) => encode(&accepted)?,
            Err(problem) => {
                refuse(stream, StatusCode::BAD_REQUEST, &problem).await?;
                return Err(HttpError::Handshake(problem));
            }
        };
        let pusher = self.gate.pusher(&head);
        if let Some(Err(refusal)) = pusher {
            return Err(
                refuse_pusher(stream, response, refusal, HttpError::Handshake(refusal.problem().to_owned())).await
            );
        }
        if pusher.is_some() {
            let wants = Wants { kind: ClientKind::Pusher, identity: None, after: None };
            return match pending.complete() {
                Ok(permit) => Ok(Accepted { head, response, opening: Opening::WebSocket { received, wants }, permit }),
                Err(too_many) => {
                    Err(refuse_pusher(stream, response, PusherRefusal::Full, HttpError::TooMany(too_many)).await)
                }
            };
        }
        let wants = match self.gate.admit(&head, sender, pending).await {
            Ok(wants) => wants,
            Err(refusal) => return Err(refuse_request(stream, &head, response, refusal).await),
        };
        match pending.complete() {
            Ok(permit) => {
                let opening = Opening::WebSocket { received, wants };
                Ok(Accepted { head, response, opening, permit })
            }
            Err(too_many) => {
                refuse_full(stream, &head, response, too_many).await?;
                Err(HttpError::TooMany(too_many))
            }
        }
    }
}

/// Tells a client of the Pusher protocol why it is refused. Returns what the log says.
async fn refuse_pusher(
    stream: &mut TcpStream,
    mut response: Vec<u8>,
    refusal: PusherRefusal,
    error: HttpError,
) -> HttpError {
    response.extend(refusal.frames());
    stream.write_all(&response).await.err().map_or(error, HttpError::from)
}

/// Tells a client why it is refused. A browser tells its page nothing of a handshake that was refused, so what comes from
/// a page that only has no right is accepted, and closed with a code. Returns what the log says.
async fn refuse_request(stream: &mut TcpStream, head: &Head, mut response: Vec<u8>, refusal: Refusal) -> HttpError {
    let (answered, error) = match refusal {
        Refusal::Request { status, problem } => (refuse(stream, status, &problem).await, HttpError::Handshake(problem)),
        Refusal::Origin { problem } => {
            (refuse(stream, StatusCode::FORBIDDEN, &problem).await, HttpError::Origin(problem))
        }
        Refusal::Host { problem } => {
            (refuse(stream, StatusCode::MISDIRECTED_REQUEST, &problem).await, HttpError::Host(problem))
        }
        Refusal::Denied(denial, counted) if head.origin().is_none() => {
            (refuse(stream, denial.into(), &denial.to_string()).await, HttpError::Denied(denial, counted))
        }
        Refusal::TooMany(too_many) => {
            (refuse_full(stream, head, response, too_many).await, HttpError::TooMany(too_many))
        }
        Refusal::NoAnswer if head.origin().is_none() => {
            let problem = "login cannot be checked now, connect again later";
            (refuse(stream, StatusCode::SERVICE_UNAVAILABLE, problem).await, HttpError::NoAnswer)
        }
        Refusal::NoAnswer => {
            response.extend(WebSocket::close_frame(Disconnect::HookFailed));
            (stream.write_all(&response).await.map_err(HttpError::from), HttpError::NoAnswer)
        }
        Refusal::Denied(denial, counted) => {
            response.extend(WebSocket::close_frame(Disconnect::from(denial)));
            (stream.write_all(&response).await.map_err(HttpError::from), HttpError::Denied(denial, counted))
        }
    };
    answered.err().unwrap_or(error)
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
