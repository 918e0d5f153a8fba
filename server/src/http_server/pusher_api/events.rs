//! `POST /apps/ID/events` and `POST /apps/ID/batch_events`: events go into the queue, as those of PHP do, and are on
//! the disk when the request is answered.

use std::time::Duration;

use http::StatusCode;
use queue::{NewEvent, Priority};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::body::Room;
use super::counting;
use super::given::{self, Given};
use super::refused::Refused;
use super::signature::Parameters;
use crate::http_server::finishing::Finishing;
use crate::hub::Hub;
use crate::publisher::Publisher;

/// How long writing to the queue may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Larger bodies are looked at by another thread: clients wait for this one.
const SMALL: usize = 16 * 1024;

/// A body with its room, and what it is signed by.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) body: Vec<u8>,
    pub(super) parameters: Parameters,
    pub(super) room: Room,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Event,
    Batch,
}

/// Publishes what a body says.
pub(super) async fn publish(
    hub: &Hub,
    publisher: &Publisher,
    form: Form,
    Sent { body, parameters, room }: Sent,
    finishing: &Finishing,
) -> Result<Value, Refused> {
    let is_small = body.len() <= SMALL;
    let read = move || {
        parameters.check_body(&body)?;
        match form {
            Form::Event => given::event(&body).map(|event| vec![event]),
            Form::Batch => given::batch(&body),
        }
    };
    let events = if is_small { read()? } else { spawn_blocking(read).await.map_err(|_| failed())?? };
    // Before: when they are queued, nothing may fail any more.
    let answer = timeout(counting::TIMEOUT, answer(hub, form, &events)).await;
    let answer = answer.map_err(|_| counting::too_slow())??;
    let publisher = publisher.clone();
    finishing.begin();
    let writing = spawn_blocking(move || {
        let new: Vec<NewEvent<'_>> = events.iter().map(Given::to_new_event).collect();
        let written = publisher.publish(&new, Priority::Normal);
        drop(room);
        written
    });
    match timeout(WRITE_TIMEOUT, writing).await {
        Ok(Ok(Ok(()))) => Ok(answer),
        Ok(Ok(Err(error))) => Err(Refused::new(error.status(), error.to_string())),
        Ok(Err(_)) => Err(failed()),
        Err(_) => Err(Refused::unavailable("the disk is slow: the event may be published later, or not at all")),
    }
}

fn failed() -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "it has failed, the log says why")
}

/// What is answered when the events are in the queue: what was asked about their channels.
async fn answer(hub: &Hub, form: Form, events: &[Given]) -> Result<Value, Refused> {
    if events.iter().all(|event| event.info.is_empty()) {
        return Ok(json!({}));
    }
    let mut answers = Vec::with_capacity(events.len());
    for event in events {
        let mut channels = Map::new();
        for channel in &event.channels {
            let count = if event.info.subscription_count { counting::subscriptions(hub, channel).await? } else { 0 };
            channels.insert(channel.to_string(), event.info.of(hub, channel, count).into());
        }
        answers.push(channels);
    }
    Ok(match form {
        Form::Event => json!({ "channels": answers.pop() }),
        // Each has one channel.
        Form::Batch => {
            let of_one =
                |channels: Map<String, Value>| channels.into_iter().next().map_or_else(|| json!({}), |(_, it)| it);
            json!({ "batch": answers.into_iter().map(of_one).collect::<Vec<_>>() })
        }
    })
}
