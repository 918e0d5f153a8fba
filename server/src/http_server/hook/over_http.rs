//! Asks a web server: a connection a question, which is not kept. A kept one holds a worker of some servers, and can be
//! closed by the server at the moment of a question. So there is no pool, and no task that nobody waits for.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::http_server::hook::answer::{self, AnswerError};
use crate::http_server::hook::failure::HookFailure;
use crate::http_server::hook::url::HttpUrl;

/// How long the body of an answer that lets nobody in is waited for: it is for the log only.
const EXCERPT_TIMEOUT: Duration = Duration::from_millis(500);

/// Status and body. The body is read of an answer that may let the client in. Of others its beginning is enough.
pub(super) async fn ask(
    url: &HttpUrl,
    tls: Option<Arc<ClientConfig>>,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, Vec<u8>), HookFailure> {
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(HookFailure::Connect)?;
    let Some(tls) = tls else { return ask_on(TokioIo::new(stream), request).await };
    let name =
        ServerName::try_from(url.host.clone()).map_err(|error| HookFailure::Connect(std::io::Error::other(error)))?;
    let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(HookFailure::Connect)?;
    ask_on(TokioIo::new(stream), request).await
}

async fn ask_on(
    stream: impl Read + Write + Unpin,
    request: Request<Empty<Bytes>>,
) -> Result<(StatusCode, Vec<u8>), HookFailure> {
    let (mut sender, connection) = http1::Builder::new().max_buf_size(answer::MAX_BYTES).handshake(stream).await?;
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
            if body.len() + data.len() > answer::MAX_BYTES {
                return Err(HookFailure::answer(AnswerError::TooLarge, &body));
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
