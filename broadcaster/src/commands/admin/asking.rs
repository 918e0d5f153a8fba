//! One question to an admin listener, and its answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use queue::printable;
use serde_json::Value;
use server::config::AdminOptions;
use server::token::Secret;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use tokio_tungstenite::tungstenite::http::{Method, Request};
use url::{Position, Url};

use crate::commands::listen::Trust;
use crate::commands::listen::http::exchange;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer.
const MAX_BYTES: usize = 16 << 20;

/// Whom to ask, and the token.
pub(super) struct Asking {
    runtime: Runtime,
    url: Url,
    token: Option<Secret>,
}

impl Asking {
    pub(super) fn new(options: &AdminOptions, url: Option<&str>) -> anyhow::Result<Asking> {
        let url = match (url, options.listen) {
            (Some(url), _) => url.to_owned(),
            (None, Some(address)) => format!("http://{}", reachable(address)),
            (None, None) => bail!("there is no admin listener: set admin_listen, or name one with --url"),
        };
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
        Ok(Asking { runtime, url: Url::parse(&url)?, token: options.tokens.first().cloned() })
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, String::new())
    }

    pub(super) fn post(&self, path: &str, request: String) -> anyhow::Result<Value> {
        if self.token.is_none() {
            bail!("there is no token: set FASTAPI_WS_ADMIN_TOKEN, or admin_token_file in the configuration file");
        }
        self.ask(Method::POST, path, request)
    }

    fn ask(&self, method: Method, path: &str, body: String) -> anyhow::Result<Value> {
        self.runtime.block_on(async {
            let asked = timeout(TIMEOUT, self.ask_now(method, path, body)).await;
            asked.unwrap_or_else(|_| Err(anyhow!("{} has not answered within {} s", self.url, TIMEOUT.as_secs())))
        })
    }

    async fn ask_now(&self, method: Method, path: &str, body: String) -> anyhow::Result<Value> {
        // Behind a proxy it may be below a path.
        let below = self.url.path().trim_end_matches('/');
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let request = Request::builder().method(method).uri(format!("{below}/{path}")).header(HOST, host);
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_bytes(&[b"Bearer ", token.as_bytes()].concat())?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let mut connection = JoinSet::new();
        let answer = exchange(request, &self.url, Trust::System, &mut connection).await.map_err(|failure| {
            let what = format!("the admin listener on {} does not answer (does the broadcaster run?)", self.url);
            failure.explanation.map_or_else(|| failure.error.context(what), anyhow::Error::msg)
        })?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        let body = body.map_err(|error| anyhow!("the answer breaks off: {error}"))?.to_bytes();
        let value: Option<Value> = serde_json::from_slice(&body).ok();
        match (status.is_success(), value) {
            (true, Some(value)) => Ok(value),
            (true, None) => bail!("{} is no admin listener: its answer is no JSON", self.url),
            (false, value) => {
                let sentence = value.as_ref().and_then(|value| value["error"].as_str());
                bail!("{} (status {})", printable(sentence.unwrap_or("it is refused")), status.as_u16())
            }
        }
    }
}

/// An address that stands for all of this machine is reached by the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
