//! What comes in on the one port: a request's head is read, a WebSocket handshake goes to the hub on any path, everything
//! else is answered as plain HTTP.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::handshake::server::{create_response, write_response};

use crate::application::{HeaderText, Headers};
use crate::hub::Hub;
use crate::listener::Permit;
use crate::origin::AllowedOrigins;
use crate::shard::{Connection, Joining};

/// Largest head of a request, in bytes: what nginx accepts by default, and room for a few cookies.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a client that was refused may take to read why.
const LINGER: Duration = Duration::from_secs(1);
/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Why a connection ended before it became a session.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    #[error("connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the client left before its request was complete")]
    Incomplete,
    #[error("the request's head exceeds {MAX_HEAD_BYTES} bytes")]
    HeadTooLarge,
    #[error("the request is not HTTP/1.1: {0}")]
    NotHttp(#[from] httparse::Error),
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
            let origin = head.header("origin");
            if !origins.admit(origin, head.header("host")) {
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
        Err(error) => {
            let status = match error {
                HttpError::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                HttpError::NotHttp(httparse::Error::TooManyHeaders) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                HttpError::NotHttp(_) => StatusCode::BAD_REQUEST,
                _ => return Err(error),
            };
            refuse(&mut stream, status, &error.to_string()).await?;
            Err(error)
        }
    }
}

/// The head of a request, names and values as sent.
#[derive(Debug)]
struct Head {
    method: String,
    target: String,
    version: Version,
    headers: Headers,
    /// Bytes of the head.
    length: usize,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Head>, httparse::Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(bytes)? else { return Ok(None) };
        Ok(Some(Head {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            version: if request.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 },
            headers: request
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), HeaderText::new(header.value)))
                .collect(),
            length,
        }))
    }

    fn is_upgrade(&self) -> bool {
        let lists_websocket =
            |value: &str| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("websocket"));
        self.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("upgrade") && lists_websocket(value.as_str()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn to_request(&self) -> Result<Request<()>, http::Error> {
        let mut request =
            Request::builder().method(self.method.as_str()).uri(self.target.as_str()).version(self.version);
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        request.body(())
    }
}

/// Does with the beginning of a request what the server does, but for the network. Returns whether the head is complete
/// or refused.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_head(received: &[u8]) -> bool {
    let Ok(parsed) = Head::parse(received) else { return true };
    let Some(head) = parsed else { return received.len() > MAX_HEAD_BYTES };
    assert!(head.length <= received.len());
    AllowedOrigins::new(vec![crate::origin::Rule::SameHost]).admit(head.header("origin"), head.header("host"));
    if head.is_upgrade()
        && let Ok(request) = head.to_request()
        && let Ok(created) = create_response(&request)
    {
        let mut response = Vec::new();
        write_response(&mut response, &created).expect("a Vec takes every write");
        assert!(response.starts_with(b"HTTP/1.1 101 "));
    }
    true
}

async fn read_head(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<Head, HttpError> {
    loop {
        if stream.read_buf(received).await? == 0 {
            return Err(HttpError::Incomplete);
        }
        let head = Head::parse(received)?;
        if head.as_ref().map_or(received.len(), |head| head.length) > MAX_HEAD_BYTES {
            return Err(HttpError::HeadTooLarge);
        }
        if let Some(head) = head {
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
    let created = head.to_request().map_err(|error| error.to_string());
    let created = created.and_then(|request| create_response(&request).map_err(|error| error.to_string()));
    let mut response = Vec::new();
    match created {
        Ok(created) => {
            write_response(&mut response, &created).map_err(|error| HttpError::Handshake(error.to_string()))?;
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
