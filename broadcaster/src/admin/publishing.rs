//! `POST /publish`: queues an event, for programs that are not PHP. It goes the way of PHP's events, through the queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use queue::{ChannelName, Durability, EnqueueError, NewEvent, Priority, Uid, Writer};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::App;
use super::answer::{Refusal, as_json};
use super::body;

/// The end of the queue that events go into.
pub(crate) struct Publisher {
    queue: PathBuf,
    max_event_bytes: usize,
}

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
    let Publisher { queue, max_event_bytes } = &app.publisher;
    let body = body::read(body, max_event_bytes.saturating_add(body::MAX_BESIDE_EVENT)).await?;
    let given: Published = body::parse(&body)?;
    let channels = channels(given.channel.as_deref(), given.channels.as_deref())?;
    let name = serde_json::Value::from(given.event.as_str()).to_string();
    // What it is when it returns is on the disk: the one who asked may not ask again.
    let writer = Writer::new(queue).max_event_bytes(*max_event_bytes).durability(Durability::Full);
    let (uid, directory) = (Uid::new(), queue.clone());
    let written = spawn_blocking(move || {
        // PHP creates the directory of its first event. Here it was there at the start: perhaps a disk is not mounted.
        if !directory.is_dir() {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, missing(&directory)));
        }
        let event = NewEvent {
            uid,
            name_json: name.as_bytes(),
            payload_json: given.payload.get().as_bytes(),
            channels: channels.as_deref(),
            ttl: given.ttl,
            key: given.key.as_deref(),
            except: given.except.as_deref(),
        };
        let written = writer.enqueue_events(&[event], given.priority.into());
        written.map_err(|error| Refusal::new(status_of(&error), error.to_string()))
    });
    match written.await {
        Ok(Ok(_)) => Ok(as_json(StatusCode::OK, &json!({ "uid": uid.to_string() }))),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "writing the event failed, the log says why")),
    }
}

impl Publisher {
    pub(super) fn new(queue: &Path, max_event_bytes: u64) -> Publisher {
        let max_event_bytes = usize::try_from(max_event_bytes).unwrap_or(usize::MAX);
        Publisher { queue: queue.to_owned(), max_event_bytes }
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

fn missing(queue: &Path) -> String {
    format!("the queue directory {} is missing: nothing is published until it is there again", queue::shown(queue))
}

fn status_of(error: &EnqueueError) -> StatusCode {
    match error {
        EnqueueError::TooLarge { .. } | EnqueueError::TooLargeForChannels { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        EnqueueError::TooManyChannels { .. } | EnqueueError::BadLength { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
