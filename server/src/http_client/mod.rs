//! Sends a request to a web server: a connection a request, which is not kept. A kept one holds a worker of some servers,
//! and can be closed by the server at the moment of a request. So there is no pool, and no task that nobody waits for.
//!
//! It has no time limit: who calls it has one.

mod url;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) use url::{HttpUrl, without_brackets};

/// Largest answer, and largest head of one.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum RequestError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the answer has more than {MAX_ANSWER_BYTES} bytes")]
    /// With its beginning.
    TooLarge(Vec<u8>),
}

/// How long the body of an answer with another status than 200 is waited for: it is for the log only.
const EXCERPT_TIMEOUT: Duration = Duration::from_millis(500);

/// Status and body. The body is read of an answer with status 200. Of others its beginning is enough.
pub(crate) async fn send<B>(
    url: &HttpUrl,
    tls: Option<Arc<ClientConfig>>,
    request: Request<B>,
) -> Result<(StatusCode, Vec<u8>), RequestError>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(RequestError::Connect)?;
    let Some(tls) = tls else { return send_on(TokioIo::new(stream), request).await };
    let name =
        ServerName::try_from(url.host.clone()).map_err(|error| RequestError::Connect(io::Error::other(error)))?;
    let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(RequestError::Connect)?;
    send_on(TokioIo::new(stream), request).await
}

async fn send_on<B>(
    stream: impl Read + Write + Unpin,
    request: Request<B>,
) -> Result<(StatusCode, Vec<u8>), RequestError>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    // Names of headers as people write them: `getallheaders()` of PHP's own server passes them on as they came.
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_ANSWER_BYTES).title_case_headers(true);
    let (mut sender, connection) = builder.handshake(stream).await?;
    let mut asked = pin!(async {
        let mut response = sender.send_request(request).await?;
        let mut body = Vec::new();
        if response.status() != StatusCode::OK {
            let frame = timeout(EXCERPT_TIMEOUT, response.frame()).await;
            let data = frame.ok().flatten().and_then(Result::ok).and_then(|frame| frame.into_data().ok());
            return Ok((response.status(), data.unwrap_or_default().into()));
        }
        while let Some(frame) = response.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if body.len() + data.len() > MAX_ANSWER_BYTES {
                return Err(RequestError::TooLarge(body));
            }
            body.extend_from_slice(&data);
        }
        Ok((response.status(), body))
    });
    tokio::select! {
        biased;
        answered = &mut asked => answered,
        // What it had read before its end is still to be taken.
        ended = connection => match (asked.await, ended) {
            (Err(_), Err(error)) => Err(error.into()),
            (answered, _) => answered,
        },
    }
}
