//! What comes in on the one port: a request's head is read, a WebSocket handshake goes to the hub on any path, everything
//! else is answered as plain HTTP.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::handshake::server::write_response;
use tungstenite::protocol::frame::Frame;

use crate::disconnect::Disconnect;
use crate::head::{Head, HeadError, MAX_HEADERS};
use crate::head_reader::HeadReader;
use crate::health::Health;
use crate::hub::Hub;
use crate::linger::linger;
use crate::listener::{PendingPermit, Permit, TooMany};
use crate::message::encode_control;
use crate::origin::{AllowedOrigins, RefusedOrigins};
use crate::shard::{Connection, Joining};
use crate::spare_slots::SpareSlot;

/// How long answering may take, when the request is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// When a client that found no room may come again, in seconds.
const RETRY_AFTER: &str = "5";

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
    pub(crate) origins: AllowedOrigins,
    pub(crate) refused_origins: RefusedOrigins,
    pub(crate) max_header_bytes: usize,
}

/// A handshake that is accepted, not yet answered.
struct Accepted {
    head: Head,
    response: Vec<u8>,
    /// What came behind the head.
    received: Vec<u8>,
    permit: Permit,
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

    async fn upgrade(
        &self,
        stream: &mut TcpStream,
        head: Head,
        received: Vec<u8>,
        pending: &mut PendingPermit,
    ) -> Result<Accepted, HttpError> {
        if !self.origins.admit(head.origin(), head.host()) {
            self.refused_origins.log_refusal(head.origin().unwrap_or_default(), head.host());
            let problem = format!(
                "pages of {} may not connect: the operator can add it to allowed_origins",
                head.origin().unwrap_or_default()
            );
            refuse(stream, StatusCode::FORBIDDEN, &problem).await?;
            return Err(HttpError::Handshake(problem));
        }
        let mut response = Vec::new();
        match head.accept() {
            Ok(accepted) => {
                write_response(&mut response, &accepted).map_err(|error| HttpError::Handshake(error.to_string()))?;
            }
            Err(problem) => {
                refuse(stream, StatusCode::BAD_REQUEST, &problem).await?;
                return Err(HttpError::Handshake(problem));
            }
        }
        match pending.complete() {
            Ok(permit) => Ok(Accepted { head, response, received, permit }),
            Err(too_many) => {
                send_away(stream, &head, response, too_many).await?;
                Err(HttpError::TooMany)
            }
        }
    }

    fn join(&self, stream: TcpStream, address: SocketAddr, accepted: Accepted) -> Result<(), HttpError> {
        let Accepted { head, response, received, permit } = accepted;
        stream.set_nodelay(true)?;
        let stream = mio::net::TcpStream::from_std(stream.into_std()?);
        let connection = Connection { stream, response, received, permit };
        self.hub.join(Joining { address, path: head.target, headers: head.headers, connection });
        Ok(())
    }

    /// Answers one plain request. The connection is not used again, so that nobody takes it for a handshake.
    async fn serve_plain(&self, stream: &mut TcpStream, received: Vec<u8>) -> Result<(), HttpError> {
        let (reader, writer) = stream.split();
        let stream = tokio::io::join(AsyncReadExt::chain(Cursor::new(received), reader), writer);
        hyper::server::conn::http1::Builder::new()
            .keep_alive(false)
            // A client may close its side when its request is out.
            .half_close(true)
            .max_headers(MAX_HEADERS)
            // The smallest that hyper takes is 8 KiB.
            .max_buf_size(self.max_header_bytes.max(8 * 1024))
            .serve_connection(
                TokioIo::new(stream),
                service_fn(async |request| Ok::<_, Infallible>(self.route(&request).await)),
            )
            .await?;
        Ok(())
    }

    async fn route<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let is_health = matches!(request.uri().path(), "/healthz" | "/healthz/");
        let (status, text) = match *request.method() {
            // Says only that somebody listens: HAProxy's plain `option httpchk` asks for it.
            Method::OPTIONS => (StatusCode::NO_CONTENT, String::new()),
            Method::GET | Method::HEAD if is_health => match self.health.problem(&self.hub).await {
                None => (StatusCode::OK, "ok\n".to_owned()),
                Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
            },
            _ if is_health => (StatusCode::METHOD_NOT_ALLOWED, "use GET /healthz\n".to_owned()),
            _ => (
                StatusCode::UPGRADE_REQUIRED,
                "this address speaks WebSocket: connect with new WebSocket(\"ws://...\")\n".to_owned(),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        match status {
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                // What `Upgrade` must be named in (RFC 9110, section 7.8).
                headers.insert(header::CONNECTION, HeaderValue::from_static("close, upgrade"));
            }
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NO_CONTENT => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            }
            _ => {}
        }
        response
    }
}

/// Tells a client whose handshake is valid that there is no room for it. A browser tells its page nothing of a handshake that
/// was refused, so what comes from a page is accepted, and closed with a code.
async fn send_away(
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
            let problem = "server is full (max_connections), come again later";
            refuse(stream, StatusCode::SERVICE_UNAVAILABLE, problem).await
        }
        TooMany::Altogether => {
            response.extend(encode_control(Frame::close(Some(Disconnect::Full.close_frame()))));
            Ok(stream.write_all(&response).await?)
        }
    }
}

/// Answers a request that is refused.
async fn refuse(stream: &mut TcpStream, status: StatusCode, problem: &str) -> Result<(), HttpError> {
    let body = format!("{problem}\n");
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::CONNECTION, "close")
        .header(header::SEC_WEBSOCKET_VERSION, "13");
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response = response.header(header::RETRY_AFTER, RETRY_AFTER);
    }
    let response = response.body(()).map_err(|error| HttpError::Handshake(error.to_string()))?;
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(|error| HttpError::Handshake(error.to_string()))?;
    bytes.extend_from_slice(body.as_bytes());
    Ok(stream.write_all(&bytes).await?)
}
