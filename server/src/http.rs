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
use crate::head::{Head, HeadError};
use crate::health::Health;
use crate::hub::Hub;
use crate::listener::{PendingPermit, TooMany};
use crate::message::encode_control;
use crate::origin::{AllowedOrigins, RefusedOrigins};
use crate::shard::{Connection, Joining};
use crate::spare_slots::SpareSlot;

/// How long answering may take, when the request is there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);
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
pub(crate) struct HttpHandler {
    pub(crate) hub: Hub,
    pub(crate) health: Arc<Health>,
    pub(crate) origins: AllowedOrigins,
    pub(crate) refused_origins: RefusedOrigins,
}

impl HttpHandler {
    /// Answers the request of a new connection, which must be complete within a time. It may have a spare slot.
    pub(crate) async fn answer(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        limit: Duration,
        pending: PendingPermit,
        spare: Option<&SpareSlot>,
    ) -> Result<(), HttpError> {
        let mut received = Vec::new();
        let head = timeout(limit, read_head(&mut stream, &mut received)).await.map_err(|_| HttpError::TooLong)?;
        let answered = async {
            match head {
                Ok(head) if head.is_upgrade() => {
                    let rest = received.split_off(head.length);
                    self.upgrade(stream, address, head, rest, pending).await
                }
                Ok(_) => {
                    spare.inspect(|spare| spare.keep());
                    self.serve_plain(stream, received).await
                }
                Err(HttpError::Head(error)) => {
                    refuse(&mut stream, error.status(), &error.to_string()).await?;
                    Err(error.into())
                }
                Err(error) => Err(error),
            }
        };
        timeout(ANSWER_TIMEOUT, answered).await.map_err(|_| HttpError::TooLong)?
    }

    async fn upgrade(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
        head: Head,
        received: Vec<u8>,
        pending: PendingPermit,
    ) -> Result<(), HttpError> {
        if !self.origins.admit(head.origin(), head.host()) {
            self.refused_origins.tell(head.origin().unwrap_or_default(), head.host());
            let problem = format!(
                "pages of {} may not connect: the operator can add it to allowed_origins",
                head.origin().unwrap_or_default()
            );
            refuse(&mut stream, StatusCode::FORBIDDEN, &problem).await?;
            return Err(HttpError::Handshake(problem));
        }
        let mut response = Vec::new();
        match head.accept() {
            Ok(accepted) => {
                write_response(&mut response, &accepted).map_err(|error| HttpError::Handshake(error.to_string()))?;
            }
            Err(problem) => {
                refuse(&mut stream, StatusCode::BAD_REQUEST, &problem).await?;
                return Err(HttpError::Handshake(problem));
            }
        }
        let permit = match pending.complete() {
            Ok(permit) => permit,
            Err(too_many) => {
                send_away(&mut stream, &head, response, too_many).await?;
                return Err(HttpError::TooMany);
            }
        };
        stream.set_nodelay(true)?;
        let stream = mio::net::TcpStream::from_std(stream.into_std()?);
        let connection = Connection { stream, response, received, permit };
        self.hub.join(Joining { address, path: head.target, headers: head.headers, connection });
        Ok(())
    }

    /// Answers one plain request. The connection is closed then, so that nobody reuses it for a handshake.
    async fn serve_plain(&self, stream: TcpStream, received: Vec<u8>) -> Result<(), HttpError> {
        let (reader, writer) = stream.into_split();
        let stream = tokio::io::join(AsyncReadExt::chain(Cursor::new(received), reader), writer);
        hyper::server::conn::http1::Builder::new()
            .keep_alive(false)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(async |request| Ok::<_, Infallible>(self.route(&request).await)),
            )
            .await?;
        Ok(())
    }

    async fn route<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        let (status, text) = match request.uri().path() {
            "/healthz" if reads => match self.health.problem(&self.hub).await {
                None => (StatusCode::OK, "ok".to_owned()),
                Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem.to_owned()),
            },
            "/healthz" => (StatusCode::METHOD_NOT_ALLOWED, "GET /healthz".to_owned()),
            _ => (
                StatusCode::UPGRADE_REQUIRED,
                "this address speaks WebSocket: connect with new WebSocket(\"ws://...\")".to_owned(),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(text + "\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match status {
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        response
    }
}

async fn read_head(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<Head, HttpError> {
    loop {
        if stream.read_buf(received).await? == 0 {
            return Err(HttpError::Incomplete);
        }
        if let Some(head) = Head::parse(received)? {
            return Ok(head);
        }
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
            end(stream, &response).await
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
    end(stream, &bytes).await
}

/// Sends the last bytes of a connection, and waits a little for the client to read them.
async fn end(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), HttpError> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    // Input that nobody has read would turn the answer into a reset.
    let mut rest = [0; 4096];
    let _ = timeout(LINGER, async { while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} }).await;
    Ok(())
}
