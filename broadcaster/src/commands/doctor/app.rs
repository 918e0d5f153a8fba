//! The doctor's look at the application of the Pusher protocol: where its clients connect, its secrets, and whether its
//! webhooks can be reached. They are told nothing.

use std::io::{self, ErrorKind};
use std::time::Duration;

use futures_util::future::join_all;
use server::{Config, PusherApp, WebhookUrl};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding::{self, Bad, Good, Note};

/// How long a connection to a webhook may take, with the look-up of its name.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let Some(app) = config.app() else { return Vec::new() };
    let PusherApp { id, key, .. } = app;
    let mut findings =
        vec![Good(format!("the application has the key {key}: clients connect on /app/{key}, servers on /apps/{id}"))];
    if app.has_weak_secret() {
        findings.push(Note(
            "a secret of [[app]] is shorter than 20 bytes or has a space, as a sample text: who guesses it reads all \
             private channels"
                .into(),
            "make one with openssl rand -hex 32, for [[app]] and for the application's server".into(),
        ));
    }
    findings.extend(webhooks(app.webhooks()));
    findings
}

/// All are tried at the same time.
fn webhooks(urls: &[WebhookUrl]) -> Vec<Finding> {
    if urls.is_empty() {
        return Vec::new();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Note(format!("the webhooks cannot be looked at: {error}"), "try again".into())],
    };
    let reached = runtime.block_on(join_all(urls.iter().map(connect)));
    // A look-up of a name cannot be ended, and is not waited for.
    runtime.shutdown_background();
    let failed = urls.iter().zip(reached).filter_map(|(url, reached)| Some((url, reached.err()?)));
    let failed: Vec<Finding> = failed.map(|(url, error)| not_reached(url, &error)).collect();
    if failed.is_empty() {
        return vec![Good(format!("all webhooks ({}) can be reached", urls.len()))];
    }
    failed
}

async fn connect(url: &WebhookUrl) -> io::Result<()> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect((url.host(), url.port()))).await;
    connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())).map(drop)
}

/// Without path and query, which may hold a secret.
fn not_reached(url: &WebhookUrl, error: &io::Error) -> Finding {
    Bad(
        format!("the webhook at {} cannot be reached: {error}", url.origin()),
        "see that its server runs and may be reached from here, and the URL in webhooks of [[app]]".into(),
    )
}
