//! What comes in on the one port: a request's head is read, a WebSocket handshake goes to the hub on any path, everything
//! else is answered as plain HTTP.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::SocketAddr;
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

use crate::head::{Head, HeadError};
use crate::hub::Hub;
use crate::listener::Permit;
use crate::origin::AllowedOrigins;
use crate::shard::{Connection, Joining};

/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ended before it became a session.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the client left before its request was complete")]
    Incomplete,
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the handshake is not valid: {0}")]
    Handshake(String),
    #[error("plain HTTP: {0}")]
    Plain(#[from] hyper::Error),
}

/// Answers the request of a new connection.
pub(crate) async fn answer(
    mut stream: TcpStream,
    address: SocketAddr,
    origins: &AllowedOrigins,
    hub: &Hub,
    permit: Permit,
) -> Result<(), HttpError> {
    let mut received = Vec::new();
    match read_head(&mut stream, &mut received).await {
        Ok(head) if head.is_upgrade() => {
            let origin = head.origin();
            if !origins.admit(origin, head.host()) {
                let problem = format!(
                    "pages of {} may not connect: the operator can add it to allowed_origins",
                    origin.unwrap_or_default()
                );
                refuse(&mut stream, StatusCode::FORBIDDEN, &problem).await?;
                return Err(HttpError::Handshake(problem));
            }
            let rest = received.split_off(head.length);
            upgrade(stream, address, head, rest, hub, permit).await
        }
        Ok(_) => serve_plain(stream, received).await,
        Err(HttpError::Head(error)) => {
            refuse(&mut stream, error.status(), &error.to_string()).await?;
            Err(error.into())
        }
        Err(error) => Err(error),
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

async fn upgrade(
    mut stream: TcpStream,
    address: SocketAddr,
    head: Head,
    received: Vec<u8>,
    hub: &Hub,
    permit: Permit,
) -> Result<(), HttpError> {
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
    stream.set_nodelay(true)?;
    let stream = mio::net::TcpStream::from_std(stream.into_std()?);
    let connection = Connection { stream, response, received, permit };
    hub.join(Joining { address, path: head.target, headers: head.headers, connection });
    Ok(())
}

/// Answers one plain request. The connection is closed then, so that nobody reuses it for a handshake.
async fn serve_plain(stream: TcpStream, received: Vec<u8>) -> Result<(), HttpError> {
    let (reader, writer) = stream.into_split();
    let stream = tokio::io::join(AsyncReadExt::chain(Cursor::new(received), reader), writer);
    hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(async |request| Ok::<_, Infallible>(route(&request))))
        .await?;
    Ok(())
}

fn route<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let (status, text) = match request.uri().path() {
        "/healthz" if reads => (StatusCode::OK, "ok\n"),
        "/healthz" => (StatusCode::METHOD_NOT_ALLOWED, "GET /healthz\n"),
        _ => {
            (StatusCode::UPGRADE_REQUIRED, "this address speaks WebSocket: connect with new WebSocket(\"ws://...\")\n")
        }
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
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

/// Answers what is no valid request.
pub(crate) async fn refuse(stream: &mut TcpStream, status: StatusCode, problem: &str) -> Result<(), HttpError> {
    let body = format!("{problem}\n");
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .header(header::CONTENT_LENGTH, body.len())
        .header(header::CONNECTION, "close")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .map_err(|error| HttpError::Handshake(error.to_string()))?;
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response).map_err(|error| HttpError::Handshake(error.to_string()))?;
    bytes.extend_from_slice(body.as_bytes());
    stream.write_all(&bytes).await?;
    stream.shutdown().await?;
    // Input that nobody has read would turn the answer into a reset.
    let mut rest = [0; 4096];
    let _ = timeout(LINGER, async { while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {} }).await;
    Ok(())
}
