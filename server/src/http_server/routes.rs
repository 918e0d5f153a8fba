//! Plain HTTP: what each path and method is answered with.

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Arc;

use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::health::Health;
use crate::http_server::error::HttpError;
use crate::http_server::finishing::Finishing;
use crate::http_server::gate::Gate;
use crate::http_server::head::{Head, MAX_HEADERS};
use crate::http_server::pusher_api::PusherApi;
use crate::hub::Hub;

/// What plain requests are answered with.
#[derive(Debug)]
pub(super) struct Routes {
    pub(super) hub: Hub,
    pub(super) health: Arc<Health>,
    pub(super) gate: Arc<Gate>,
    pub(super) api: PusherApi,
}

/// A request that is answered as plain HTTP.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) head: Head,
    /// All that has come of it, the head in front.
    pub(super) received: Vec<u8>,
    pub(super) max_header_bytes: usize,
}

impl Routes {
    /// Answers one plain request. The connection is not used again, so that nobody takes it for a handshake.
    pub(super) async fn serve(
        &self,
        stream: &mut TcpStream,
        Plain { head, received, max_header_bytes }: Plain,
        finishing: &Finishing,
    ) -> Result<(), HttpError> {
        let (reader, writer) = stream.split();
        let stream = tokio::io::join(AsyncReadExt::chain(Cursor::new(received), reader), writer);
        hyper::server::conn::http1::Builder::new()
            .keep_alive(false)
            // A client may close its side when its request is out.
            .half_close(true)
            .max_headers(MAX_HEADERS)
            // The smallest that hyper takes is 8 KiB.
            .max_buf_size(max_header_bytes.max(8 * 1024))
            .serve_connection(
                TokioIo::new(stream),
                service_fn(async |request| Ok::<_, Infallible>(self.answer(request, &head, finishing).await)),
            )
            .await?;
        Ok(())
    }

    /// Whether a request is one of the API of the Pusher protocol.
    pub(super) fn are_api(&self, head: &Head) -> bool {
        head.target.parse::<Uri>().is_ok_and(|uri| self.api.app_of(uri.path()).is_some())
    }

    async fn answer(&self, request: Request<Incoming>, head: &Head, finishing: &Finishing) -> Response<Full<Bytes>> {
        match self.api.app_of(request.uri().path()) {
            Some(app) => self.api.answer(app, request, self.gate.check_host_and_origin(head), finishing).await,
            None => self.route(&request).await,
        }
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
                "this address is for WebSocket and server-sent events: connect with new WebSocket(\"ws://...\"), or \
                 with new EventSource(\"http://...\")\n"
                    .to_owned(),
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
        if *request.method() == Method::OPTIONS {
            let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
            // The host of a target that names it counts, as for all other requests.
            let host = request.uri().authority().map(Authority::as_str).or(text(header::HOST));
            self.gate.let_preflight_read(headers, text(header::ORIGIN), host);
        }
        response
    }
}
