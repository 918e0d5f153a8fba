//! Responses that are written without a server for plain HTTP: those that accept a handshake or refuse a request.

use http::{HeaderMap, Response, StatusCode, header};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tungstenite::handshake::server::write_response;

use crate::http_server::error::HttpError;

/// When a client that found no room may connect again, in seconds.
const RETRY_AFTER: &str = "5";

/// The bytes of a response without its body.
pub(super) fn encode(response: &Response<()>) -> Result<Vec<u8>, HttpError> {
    let mut bytes = Vec::new();
    write_response(&mut bytes, response).map_err(|error| HttpError::Handshake(error.to_string()))?;
    Ok(bytes)
}

/// Answers a request that is refused.
pub(super) async fn refuse(stream: &mut TcpStream, status: StatusCode, problem: &str) -> Result<(), HttpError> {
    let (mut answer, body) = refusal(status, problem, HeaderMap::new())?;
    answer.extend_from_slice(body.as_bytes());
    Ok(stream.write_all(&answer).await?)
}

/// The head and the body of the answer to a request that is refused, with headers of the caller's.
pub(super) fn refusal(status: StatusCode, problem: &str, headers: HeaderMap) -> Result<(Vec<u8>, String), HttpError> {
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
    if status == StatusCode::UNAUTHORIZED {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer");
    }
    let mut response = response.body(()).map_err(|error| HttpError::Handshake(error.to_string()))?;
    response.headers_mut().extend(headers);
    Ok((encode(&response)?, body))
}
