//! `POST /disconnect`, `/unsubscribe` and `/channels`: what is done to clients of this server, and what they have.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use queue::MAX_CHANNELS_OF_EVENT;
use serde::Deserialize;
use serde_json::{Value, json};
use server::{ChannelPage, NotDone, Who};
use tokio::time::timeout;

use super::App;
use super::answer::{Refusal, as_json};
use super::body::{self, MAX_BESIDE_EVENT};
use super::publishing::channels;

/// How long the threads of the hub may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Channels of a page, unless it is said, and the most.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// Whose connections are meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnected {
    user: Option<String>,
    client: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsubscribed {
    user: Option<String>,
    client: Option<String>,
    channel: Option<String>,
    channels: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Listed {
    prefix: String,
    after: String,
    limit: usize,
}

impl Default for Listed {
    fn default() -> Listed {
        Listed { prefix: String::new(), after: String::new(), limit: DEFAULT_LIMIT }
    }
}

/// `POST /disconnect`
pub(super) async fn disconnect(State(app): State<Arc<App>>, body: Body) -> Result<Response, Refusal> {
    let Disconnected { user, client } = body::parse(&body::read(body, MAX_BESIDE_EVENT).await?)?;
    let who = who(&app, user, client)?;
    let closed = answered(app.observer.hub().disconnect(who)).await?;
    Ok(as_json(StatusCode::OK, &json!({ "disconnected": closed })))
}

/// `POST /unsubscribe`
pub(super) async fn unsubscribe(State(app): State<Arc<App>>, body: Body) -> Result<Response, Refusal> {
    let Unsubscribed { user, client, channel, channels: several } =
        body::parse(&body::read(body, MAX_BESIDE_EVENT).await?)?;
    let who = who(&app, user, client)?;
    let names = channels(channel.as_deref(), several.as_deref())?;
    let names = names.ok_or_else(|| Refusal::bad("say which subscriptions end: channel or channels"))?;
    if names.len() > MAX_CHANNELS_OF_EVENT {
        return Err(Refusal::bad(format!("there are more than {MAX_CHANNELS_OF_EVENT} channels")));
    }
    let ended = answered(app.observer.hub().unsubscribe(who, names)).await?;
    Ok(as_json(StatusCode::OK, &json!({ "unsubscribed": ended })))
}

/// `POST /channels`
pub(super) async fn list(State(app): State<Arc<App>>, body: Body) -> Result<Response, Refusal> {
    let body = body::read(body, MAX_BESIDE_EVENT).await?;
    let Listed { prefix, after, limit } =
        if body.trim_ascii().is_empty() { Listed::default() } else { body::parse(&body)? };
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::bad(format!("limit must be 1 to {MAX_LIMIT}")));
    }
    let channels = answered(app.observer.hub().channels(ChannelPage { prefix, after, limit })).await?;
    // Another page may be empty, but none is forgotten.
    let next = channels.last().filter(|_| channels.len() == limit).map(|(name, _)| name.to_string());
    let channels: Vec<Value> = channels
        .into_iter()
        .map(|(name, subscribers)| json!({ "channel": name.as_str(), "subscribers": subscribers }))
        .collect();
    Ok(as_json(StatusCode::OK, &json!({ "channels": channels, "next": next })))
}

fn who(app: &App, user: Option<String>, client: Option<String>) -> Result<Who, Refusal> {
    match (user, client) {
        (Some(user), None) => Ok(Who::User(user.into())),
        (None, Some(id)) => {
            app.observer.hub().client(&id).map_err(|error| Refusal::bad(format!("{id:?} is no client: {error}")))
        }
        _ => Err(Refusal::bad("say whose connections are meant: user or client, and not both")),
    }
}

async fn answered<T>(asked: impl Future<Output = Result<T, NotDone>>) -> Result<T, Refusal> {
    let unavailable = |sentence: String| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence);
    match timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answered) => answered.map_err(|error| unavailable(error.to_string())),
        Err(_) => Err(unavailable("a thread of the hub does not answer: /ready says more".to_owned())),
    }
}
