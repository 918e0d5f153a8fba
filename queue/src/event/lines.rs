//! The content of an entry of several events, as a consumer reads it: one JSON object a line, one line an event.
//!
//! What is not understood rejects the whole entry. It never widens who gets an event.

use std::borrow::Cow;

use memchr::memchr_iter;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Event;
use crate::channel::{ChannelName, MAX_CHANNELS_OF_EVENT};
use crate::entry_error::EntryError;
use crate::limits::{self, MAX_EVENT_NAME_BYTES, MAX_EVENTS_OF_ENTRY, MAX_EXCEPT_BYTES, MAX_KEY_BYTES, VERSION};
use crate::line_error::LineError;
use crate::queued_at::QueuedAt;
use crate::uid::Uid;

/// Reads the events of an entry: all of them, or the reason why one is none, with its line.
pub(crate) fn parse(content: &[u8], max_event_bytes: u64) -> Result<Vec<Event>, EntryError> {
    // Most entries have one line.
    let mut events = Vec::with_capacity(1);
    let ends = memchr_iter(b'\n', content).map(|end| end + 1);
    let ends = ends.chain((!content.is_empty() && !content.ends_with(b"\n")).then_some(content.len()));
    let mut begin = 0;
    for (index, end) in ends.enumerate() {
        let line = &content[std::mem::replace(&mut begin, end)..end];
        let event = if index < MAX_EVENTS_OF_ENTRY { parse_line(line) } else { Err(LineError::TooMany) };
        events.push(event.map_err(|problem| EntryError::Line { line: index + 1, problem })?);
    }
    let channels = events.iter().filter_map(Event::channels).map(<[_]>::len).max();
    let channels = channels.unwrap_or(1);
    let size = content.len() as u64;
    if events.is_empty() {
        return Err(EntryError::NoEvents);
    }
    match limits::exceeded_by(size, channels, max_event_bytes) {
        Some(limit) => Err(EntryError::TooLargeForChannels { size, channels, limit }),
        None => Ok(events),
    }
}

fn parse_line(line: &[u8]) -> Result<Event, LineError> {
    let event = parse_object(line.strip_suffix(b"\n").ok_or(LineError::NotEnded)?)?;
    let name = event.name_json();
    if !name.starts_with('"') || name.len() > MAX_EVENT_NAME_BYTES {
        return Err(wrong_name());
    }
    Ok(event)
}

/// Reads an event whose name may be any scalar.
pub(super) fn parse_object(line: &[u8]) -> Result<Event, LineError> {
    let line = str::from_utf8(line).map_err(LineError::NotUtf8)?;
    match line.trim_ascii_start().as_bytes().first() {
        None => return Err(LineError::Empty),
        Some(b'{') => {}
        Some(_) => return Err(LineError::NotAnObject),
    }
    let fields: Fields<'_> = serde_json::from_str(line).map_err(LineError::NotJson)?;
    // First: a newer version may give other values to any key.
    check_version(fields.v.required("v")?)?;
    if fields.channel.0.is_some() {
        return Err(LineError::Channel);
    }
    let uid = fields.uid.required("uid")?;
    let uid = text("uid", uid)?.parse::<Uid>().map_err(|_| wrong("uid", "a UUID"))?;
    let name = fields.event.required("event")?;
    if name.get().starts_with(['{', '[', 'n']) {
        return Err(wrong_name());
    }
    let channels = channels(fields.channels.required("channels")?)?;
    let queued_at = fields.queued_at.number("queued_at")?;
    Ok(Event {
        uid,
        name: name.to_owned(),
        payload: fields.payload.0.map(ToOwned::to_owned),
        timestamp: fields.timestamp.number("timestamp")?.or(queued_at).map_or(0, |secs| secs as i64),
        queued_at: queued_at.filter(|secs| *secs > 0.0).map(QueuedAt::from_secs),
        channels,
        expires_at: fields.expires_at.number("expires_at")?,
        key: fields.key.bounded_text("key", MAX_KEY_BYTES)?,
        except: fields.except.bounded_text("except", MAX_EXCEPT_BYTES)?,
    })
}

fn check_version(version: &RawValue) -> Result<(), LineError> {
    match version.get().parse::<u64>() {
        Ok(VERSION) => Ok(()),
        Ok(newer) if newer > VERSION => Err(LineError::NewerVersion(newer)),
        _ => Err(wrong("v", format!("the number {VERSION}"))),
    }
}

/// Who gets an event. Names that are given twice count once.
fn channels(value: &RawValue) -> Result<Option<Box<[ChannelName]>>, LineError> {
    if value.get() == "null" {
        return Ok(None);
    }
    // Most events have one channel. No name of a channel has a character that JSON escapes.
    let one = value.get().strip_prefix("[\"").and_then(|rest| rest.strip_suffix("\"]"));
    if let Some(Ok(name)) = one.map(str::parse::<ChannelName>) {
        return Ok(Some(Box::new([name])));
    }
    let is_wrong = || wrong("channels", "null or a list of strings");
    let names: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| is_wrong())?;
    if names.is_empty() {
        return Err(wrong("channels", "null (for everybody) or a list of at least one name"));
    }
    if names.len() > MAX_CHANNELS_OF_EVENT {
        return Err(LineError::TooManyChannels(names.len()));
    }
    let mut channels: Vec<ChannelName> = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let name = text("channels", name).map_err(|_| is_wrong())?;
        let name =
            name.parse::<ChannelName>().map_err(|problem| LineError::BadChannel { number: index + 1, problem })?;
        if !channels.contains(&name) {
            channels.push(name);
        }
    }
    Ok(Some(channels.into()))
}

/// The text of a JSON string.
fn text<'a>(key: &'static str, value: &'a RawValue) -> Result<Cow<'a, str>, LineError> {
    let inner = value.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| !inner.contains('\\')) {
        Some(inner) => Ok(Cow::Borrowed(inner)),
        None => serde_json::from_str(value.get()).map(Cow::Owned).map_err(|_| wrong(key, "a string")),
    }
}

fn wrong_name() -> LineError {
    wrong("event", format!("a string of at most {MAX_EVENT_NAME_BYTES} bytes"))
}

fn wrong(key: &'static str, expected: impl Into<String>) -> LineError {
    LineError::Wrong { key, expected: expected.into() }
}

/// The keys of a line. Unknown ones are ignored: whatever narrows who gets an event comes with a higher version.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    v: Given<'a>,
    #[serde(borrow)]
    uid: Given<'a>,
    #[serde(borrow)]
    event: Given<'a>,
    #[serde(borrow)]
    payload: Given<'a>,
    #[serde(borrow)]
    timestamp: Given<'a>,
    #[serde(borrow)]
    queued_at: Given<'a>,
    #[serde(borrow)]
    channels: Given<'a>,
    #[serde(borrow)]
    channel: Given<'a>,
    #[serde(borrow)]
    expires_at: Given<'a>,
    #[serde(borrow)]
    key: Given<'a>,
    #[serde(borrow)]
    except: Given<'a>,
}

/// The value of a key, if the key is there. A key whose value is null is there.
#[derive(Default)]
struct Given<'a>(Option<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given<'a>, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|value| Given(Some(value)))
    }
}

impl<'a> Given<'a> {
    fn required(self, key: &'static str) -> Result<&'a RawValue, LineError> {
        self.0.ok_or(LineError::Missing(key))
    }

    /// The value of a key that may be missing. Null is the same as missing.
    fn optional(self) -> Option<&'a RawValue> {
        self.0.filter(|value| value.get() != "null")
    }

    fn number(self, key: &'static str) -> Result<Option<f64>, LineError> {
        let number = |value: &RawValue| serde_json::from_str(value.get()).map_err(|_| wrong(key, "a number"));
        self.optional().map(number).transpose()
    }

    fn bounded_text(self, key: &'static str, limit: usize) -> Result<Option<Box<str>>, LineError> {
        let Some(value) = self.optional() else { return Ok(None) };
        let text = text(key, value)?;
        if text.is_empty() || text.len() > limit {
            return Err(wrong(key, format!("a string of 1 to {limit} bytes")));
        }
        Ok(Some(Box::from(text)))
    }
}
