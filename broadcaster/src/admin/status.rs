//! `GET /metrics`, `/status.json` and `/status/events`: numbers of the server. What many ask at the same time is looked
//! up once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::App;
use super::accepting::Endless;
use super::answer::Refusal;

/// Streams at a time.
const MAX_STREAMS: usize = 16;
/// How often a stream has an event.
const INTERVAL: Duration = Duration::from_secs(1);
/// How old what is answered may be.
const MAX_AGE: Duration = Duration::from_millis(200);
/// The format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Until the server has more to tell.
mod numbers {
    pub(super) fn metrics(_: &server::Observer) -> String {
        String::new()
    }
    pub(super) fn status(_: &server::Observer) -> serde_json::Value {
        serde_json::json!({ "version": env!("CARGO_PKG_VERSION") })
    }
}

/// What was looked up last.
pub(super) struct Snapshots {
    status: Mutex<Option<(Instant, Bytes)>>,
    metrics: Mutex<Option<(Instant, Bytes)>>,
    streams: Arc<Semaphore>,
}

impl Default for Snapshots {
    fn default() -> Snapshots {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        Snapshots { status: Mutex::default(), metrics: Mutex::default(), streams }
    }
}

/// Why the server is not ready, and what to do.
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) fix: Option<&'static str>,
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let text = kept(&app.snapshots.metrics, async {
        let observer = app.observer.clone();
        spawn_blocking(move || numbers::metrics(&observer)).await.map(Bytes::from).map_err(|_| failed())
    });
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text.await?).into_response())
}

/// `GET /status.json`
pub(super) async fn status(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    Ok(([(CONTENT_TYPE, "application/json")], app.status().await?).into_response())
}

/// `GET /status/events`
pub(super) async fn events(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let Ok(permit) = app.snapshots.streams.clone().try_acquire_owned() else {
        let sentence = format!("there are {MAX_STREAMS} streams already: close a status page");
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence));
    };
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = Body::from_stream(stream::unfold((app, ticks, permit), |(app, mut ticks, permit)| async {
        tokio::select! {
            _ = ticks.tick() => {}
            () = app.ending.cancelled() => return None,
        }
        let block = app.status().await.ok().map(|status| event(&status))?;
        Some((Ok::<_, Infallible>(block), (app, ticks, permit) as (_, _, OwnedSemaphorePermit)))
    }));
    let mut response = ([(CONTENT_TYPE, "text/event-stream")], body).into_response();
    response.extensions_mut().insert(Endless);
    Ok(response)
}

fn event(status: &Bytes) -> Bytes {
    [b"data: ", status.trim_ascii_end(), b"\n\n"].concat().into()
}

impl App {
    /// Why clients should not be sent to this server.
    pub(super) async fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.stopping.is_cancelled() {
            problems.push(Problem { what: "the server is stopping".to_owned(), fix: None });
        }
        problems.extend(self.observer.problem().await.map(|what| Problem { what: what.to_owned(), fix: None }));
        problems
    }

    async fn status(&self) -> Result<Bytes, Refusal> {
        kept(&self.snapshots.status, async {
            let problems = self.problems().await;
            let observer = self.observer.clone();
            let status = spawn_blocking(move || serde_json::to_value(numbers::status(&observer))).await;
            let Ok(Ok(Value::Object(mut status))) = status else { return Err(failed()) };
            let told = problems.iter().map(|Problem { what, fix }| json!({ "what": what, "fix": fix }));
            status.insert("ready".to_owned(), problems.is_empty().into());
            status.insert("problems".to_owned(), told.collect());
            let errors = serde_json::to_value(self.problems.all()).map_err(|_| failed())?;
            status.insert("errors".to_owned(), errors);
            Ok(format!("{}\n", Value::Object(status)).into())
        })
        .await
    }
}

/// What was looked up a moment ago, or is now. Others wait for it meanwhile.
async fn kept(
    kept: &Mutex<Option<(Instant, Bytes)>>,
    look: impl Future<Output = Result<Bytes, Refusal>>,
) -> Result<Bytes, Refusal> {
    let mut kept = kept.lock().await;
    if let Some((at, text)) = &*kept
        && at.elapsed() < MAX_AGE
    {
        return Ok(text.clone());
    }
    let text = look.await?;
    *kept = Some((Instant::now(), text.clone()));
    Ok(text)
}

fn failed() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "looking at the server failed, the log says why")
}
