//! `fastapi-broadcaster publish`: queues an event from the shell, as `queueEvent()` does from PHP, and with the options
//! of `EventQueue::publish()`.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use queue::{ChannelName, EnqueueError, FileName, MAX_EXCEPT_BYTES, MAX_KEY_BYTES, NewEvent, Uid, Writer, shown};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::numbers::whole;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PublishArgs {
    /// Name of the event
    event: String,
    /// Payload as JSON, or - to read it from standard input
    #[arg(default_value = "null")]
    payload: String,
    #[command(flatten)]
    options: DeliveryOptions,
}

/// Who gets an event, and how. None of them given: everybody.
#[derive(Debug, Args)]
struct DeliveryOptions {
    /// Send it to the subscribers of this channel only, and not to everybody. May be given up to 100 times
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<ChannelName>,
    /// Do not send it when it waits for longer than this
    #[arg(long, value_name = "SECONDS", value_parser = whole)]
    ttl: Option<u64>,
    /// How urgent it is, if others wait: of each 13, 8 are high, 4 normal and 1 low
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<Priority>,
    /// Do not send it if an event with the same key and first channel was sent in the last 5 minutes
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Do not send it to this client: the id from its welcome message
    #[arg(long, value_name = "CLIENT", value_parser = client)]
    except: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Priority {
    High,
    Normal,
    Low,
}

impl From<Priority> for queue::Priority {
    fn from(priority: Priority) -> queue::Priority {
        match priority {
            Priority::High => queue::Priority::High,
            Priority::Normal => queue::Priority::Normal,
            Priority::Low => queue::Priority::Low,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  fastapi-broadcaster publish order.created '{\"id\": 7}' --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster publish greeting '\"a text has quotes of its own\"' --queue /var/lib/fastapi-broadcaster/queue
  fastapi-broadcaster publish order.paid '{\"id\": 7}' --channel private-user.42 --channel private-orders --ttl 3600 \\
      --queue /var/lib/fastapi-broadcaster/queue
  jq . report.json | fastapi-broadcaster publish report - --queue /var/lib/fastapi-broadcaster/queue

Exit codes: 0 queued; 64 bad arguments or configuration, or a payload that is no JSON; 1 not queued.";

/// The payload cannot be one, whatever the state of the queue is.
#[derive(Debug)]
pub(crate) struct BadPayload(&'static str);

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

pub(crate) fn run(queue: &Path, max_event_bytes: u64, arguments: PublishArgs) -> anyhow::Result<()> {
    let payload = arguments.payload(max_event_bytes)?;
    let name = serde_json::to_string(&arguments.event)?;
    let was_there = queue.exists();
    let writer = Writer::new(queue).max_event_bytes(usize::try_from(max_event_bytes).unwrap_or(usize::MAX));
    let (name_json, payload_json) = (name.as_bytes(), payload.get().as_bytes());
    let queued = if arguments.options.is_empty() {
        writer.enqueue(name_json, payload_json)
    } else {
        arguments.options.enqueue(&writer, name_json, payload_json)
    };
    match queued {
        Err(error @ EnqueueError::TooLarge { .. }) => bail!("{error} (max_event_bytes, FASTAPI_WS_MAX_EVENT_BYTES)"),
        queued => drop(queued?),
    }
    if !was_there {
        // The event is queued, whether or not somebody reads this.
        let _ = writeln!(io::stderr(), "fastapi-broadcaster: created {} (is --queue right?)", shown(queue));
    }
    Ok(())
}

impl PublishArgs {
    fn payload(&self, max_event_bytes: u64) -> anyhow::Result<Box<RawValue>> {
        let payload = match self.payload.as_str() {
            "-" => read_from(io::stdin().lock(), max_event_bytes)?,
            payload => payload.to_owned(),
        };
        RawValue::from_string(payload)
            .context(BadPayload("the payload is not valid JSON; a text needs quotes of its own, as in '\"text\"'"))
    }

    /// The same as a request to an admin listener.
    pub(super) fn request(&self, max_event_bytes: u64) -> anyhow::Result<String> {
        let DeliveryOptions { channels, ttl, priority, key, except } = &self.options;
        let request = Request {
            event: &self.event,
            payload: &self.payload(max_event_bytes)?,
            channels: channels.iter().map(ChannelName::as_str).collect(),
            ttl: *ttl,
            priority: priority.as_ref().and_then(ValueEnum::to_possible_value).map(|word| word.get_name().to_owned()),
            key: key.as_deref(),
            except: except.as_deref(),
        };
        Ok(serde_json::to_string(&request)?)
    }
}

/// As `/publish` takes it. The payload stays as it is.
#[derive(Serialize)]
struct Request<'a> {
    event: &'a str,
    payload: &'a RawValue,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    except: Option<&'a str>,
}

impl DeliveryOptions {
    /// Whether it is an event as `queueEvent()` queues it, which an older broadcaster reads as well.
    fn is_empty(&self) -> bool {
        let DeliveryOptions { channels, ttl, priority, key, except } = self;
        channels.is_empty() && ttl.is_none() && priority.is_none() && key.is_none() && except.is_none()
    }

    fn enqueue(&self, writer: &Writer, name_json: &[u8], payload_json: &[u8]) -> Result<FileName, EnqueueError> {
        let event = NewEvent {
            uid: Uid::new(),
            name_json,
            payload_json,
            channels: Some(&self.channels[..]).filter(|channels| !channels.is_empty()),
            ttl: self.ttl,
            key: self.key.as_deref(),
            except: self.except.as_deref(),
        };
        writer.enqueue_events(&[event], self.priority.map(queue::Priority::from).unwrap_or_default())
    }
}

fn key(text: &str) -> Result<String, String> {
    bounded(text, MAX_KEY_BYTES)
}

fn client(text: &str) -> Result<String, String> {
    bounded(text, MAX_EXCEPT_BYTES)
}

fn bounded(text: &str, limit: usize) -> Result<String, String> {
    let is_within = (1..=limit).contains(&text.len());
    is_within.then(|| text.to_owned()).ok_or_else(|| format!("must have 1 to {limit} bytes"))
}

/// Reads no more than one byte beyond the limit: the input may have no end.
fn read_from(input: impl Read, max_event_bytes: u64) -> anyhow::Result<String> {
    let mut payload = Vec::new();
    input
        .take(max_event_bytes.saturating_add(1))
        .read_to_end(&mut payload)
        .context("cannot read the payload from standard input")?;
    if payload.len() as u64 > max_event_bytes {
        bail!("the payload from standard input has more than {max_event_bytes} bytes (max_event_bytes)");
    }
    String::from_utf8(payload).context(BadPayload("the payload from standard input is not valid UTF-8"))
}
