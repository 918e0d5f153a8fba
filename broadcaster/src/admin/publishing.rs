//! `POST /publish`: queues an event, for programs that are not PHP. It goes the way of PHP's events, through the queue.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use queue::{ChannelName, NewEvent, Priority, Uid};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::App;
use super::answer::{Refusal, as_json};
use super::body;

/// What is to be published.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    event: String,
    /// As it is written: nobody encodes it again.
    payload: Box<RawValue>,
    channel: Option<String>,
    channels: Option<Vec<String>>,
    except: Option<String>,
    key: Option<String>,
    ttl: Option<u64>,
    #[serde(default)]
    priority: Urgency,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Urgency {
    High,
    #[default]
    Normal,
    Low,
}

/// `POST /publish`
pub(super) async fn publish(State(app): State<Arc<App>>, body: Body) -> Result<Response, Refusal> {
    let publisher = app.publisher.clone();
    let limit = publisher.max_event_bytes().saturating_add(body::MAX_BESIDE_EVENT);
    let body = body::read(body, limit).await?;
    let given: Published = body::parse(&body)?;
    let channels = channels(given.channel.as_deref(), given.channels.as_deref())?;
    let name = serde_json::Value::from(given.event.as_str()).to_string();
    let uid = Uid::new();
    let written = spawn_blocking(move || {
        let event = NewEvent {
            uid,
            name_json: name.as_bytes(),
            payload_json: given.payload.get().as_bytes(),
            channels: channels.as_deref(),
            ttl: given.ttl,
            key: given.key.as_deref(),
            except: given.except.as_deref(),
        };
        publisher.publish(&[event], given.priority.into())
    });
    match written.await {
        Ok(Ok(())) => Ok(as_json(StatusCode::OK, &json!({ "uid": uid.to_string() }))),
        Ok(Err(error)) => Err(Refusal::new(error.status(), error.to_string())),
        Err(_) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "writing the event failed, the log says why")),
    }
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Priority {
        match urgency {
            Urgency::High => Priority::High,
            Urgency::Normal => Priority::Normal,
            Urgency::Low => Priority::Low,
        }
    }
}

/// The channels of one key or the other. None of them: it is for everybody.
pub(super) fn channels(one: Option<&str>, several: Option<&[String]>) -> Result<Option<Vec<ChannelName>>, Refusal> {
    let names: Vec<&str> = match (one, several) {
        (Some(_), Some(_)) => return Err(Refusal::bad("give channel or channels, and not both")),
        (Some(name), None) => vec![name],
        (None, Some([])) => return Err(Refusal::bad("channels is empty: leave it out, or name one")),
        (None, Some(names)) => names.iter().map(String::as_str).collect(),
        (None, None) => return Ok(None),
    };
    let name = |name: &str| name.parse().map_err(|error| Refusal::bad(format!("{name:?} is no channel: {error}")));
    names.into_iter().map(name).collect::<Result<_, _>>().map(Some)
}
