//! One request by HTTP/1.1, and the head of its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::http::{Request as HttpRequest, Response};
use url::{Host, Url};

use super::explained::tls_of_io;
use super::trust::Trust;

/// So much of an answer that is no stream is read, and for so long.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no answer.
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) is_passing: bool,
    /// What to tell the user instead of the error.
    pub(crate) explanation: Option<String>,
}

impl Failure {
    fn passing(error: impl Into<anyhow::Error>) -> Failure {
        Failure { error: error.into(), is_passing: true, explanation: None }
    }

    fn permanent(error: impl Into<anyhow::Error>) -> Failure {
        Failure { error: error.into(), is_passing: false, explanation: None }
    }
}

/// Sends the request and returns the head of the answer, whose body follows.
pub(crate) async fn exchange<B>(
    request: HttpRequest<B>,
    url: &Url,
    trust: Trust,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, Failure>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err(Failure::permanent(anyhow!("the address has no host"))),
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(Failure::passing)?;
    if !["wss", "https"].contains(&url.scheme()) {
        return exchange_on(stream, request, connection).await;
    }
    let name = ServerName::try_from(host).map_err(Failure::permanent)?;
    let connector = TlsConnector::from(Arc::new(trust.settings().map_err(Failure::permanent)?));
    let stream = connector.connect(name, stream).await.map_err(|error| {
        let explanation = tls_of_io(&error, url.as_str());
        Failure { explanation, ..Failure::passing(error) }
    })?;
    exchange_on(stream, request, connection).await
}

async fn exchange_on<S, B>(
    stream: S,
    request: HttpRequest<B>,
    connection: &mut JoinSet<()>,
) -> Result<Response<Incoming>, Failure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let (mut sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::passing)?;
    // What it fails with is told by the answer or its body too.
    connection.spawn(async move { _ = driver.await });
    sender.send_request(request).await.map_err(|error| match error.is_parse() {
        true => Failure::permanent(
            anyhow::Error::new(error).context("no HTTP server answers there, or one with TLS (https://)"),
        ),
        false => Failure::passing(error),
    })
}

/// An answer that is no stream, with the beginning of its text if that comes soon.
pub(super) async fn with_text(answer: Response<Incoming>) -> Response<Option<Vec<u8>>> {
    let (parts, body) = answer.into_parts();
    let text = timeout(REFUSAL_TIMEOUT, Limited::new(body, MAX_REFUSAL_BYTES).collect()).await;
    let text = text.ok().and_then(Result::ok).map(|body| body.to_bytes().to_vec());
    Response::from_parts(parts, text)
}
