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
use server::{Problem, Status};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::App;
use super::accepting::Endless;
use super::answer::Refusal;
use crate::remedy::remedy_of_problem;

/// Streams at a time.
const MAX_STREAMS: usize = 16;
/// How often a stream has an event.
const INTERVAL: Duration = Duration::from_secs(1);
/// How old what is answered may be.
const MAX_AGE: Duration = Duration::from_millis(200);
/// The format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What was looked up last, and when.
type Kept<T> = Mutex<Option<(Instant, T)>>;

/// All of it.
pub(super) struct Snapshots {
    status: Kept<Arc<Status>>,
    metrics: Kept<Bytes>,
    streams: Arc<Semaphore>,
}

impl Default for Snapshots {
    fn default() -> Snapshots {
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        Snapshots { status: Mutex::default(), metrics: Mutex::default(), streams }
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let text = kept(&app.snapshots.metrics, async {
        let observer = app.observer.clone();
        spawn_blocking(move || observer.metrics()).await.map(Bytes::from).map_err(|_| failed())
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
    let guard = app.guard.load();
    let body = Body::from_stream(stream::unfold((app, ticks, permit), move |(app, mut ticks, permit)| {
        let guard = guard.clone();
        async move {
            tokio::select! {
                _ = ticks.tick() => {}
                () = app.ending.cancelled() => return None,
            }
            // Its token may have been taken back. Who has another one asks again.
            if !Arc::ptr_eq(&guard, &app.guard.load()) {
                return None;
            }
            let block = app.status().await.ok().map(|status| event(&status))?;
            Some((Ok::<_, Infallible>(block), (app, ticks, permit) as (_, _, OwnedSemaphorePermit)))
        }
    }));
    let mut response = ([(CONTENT_TYPE, "text/event-stream")], body).into_response();
    response.extensions_mut().insert(Endless);
    Ok(response)
}

fn event(status: &Bytes) -> Bytes {
    [b"data: ", status.trim_ascii_end(), b"\n\n"].concat().into()
}

impl App {
    /// How the server was a moment ago.
    pub(super) async fn look(&self) -> Arc<Status> {
        let look = async { Ok::<_, Infallible>(Arc::new(self.observer.status().await)) };
        kept(&self.snapshots.status, look).await.unwrap_or_else(|never| match never {})
    }

    /// Why clients should not be sent here, beside what the status says.
    pub(super) fn stops(&self) -> Option<&'static str> {
        self.stopping.is_cancelled().then_some("the server is stopping")
    }

    async fn status(&self) -> Result<Bytes, Refusal> {
        let look = self.look().await;
        let mut status = serde_json::to_value(&*look).map_err(|_| failed())?;
        let fix = |problem: &Problem| json!({ "what": problem.what, "fix": remedy_of_problem(problem.of) });
        let mut problems: Vec<Value> = look.problems.iter().map(fix).collect();
        if let Some(stops) = self.stops() {
            problems.insert(0, json!({ "what": stops, "fix": null }));
            status["ready"] = false.into();
        }
        status["problems"] = problems.into();
        status["errors"] = serde_json::to_value(self.problems.all()).map_err(|_| failed())?;
        Ok(format!("{status}\n").into())
    }
}

/// What was looked up a moment ago, or is now. Others wait for it meanwhile.
async fn kept<T: Clone, E>(kept: &Kept<T>, look: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let mut kept = kept.lock().await;
    if let Some((at, value)) = &*kept
        && at.elapsed() < MAX_AGE
    {
        return Ok(value.clone());
    }
    let value = look.await?;
    *kept = Some((Instant::now(), value.clone()));
    Ok(value)
}

fn failed() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "looking at the server failed, the log says why")
}
