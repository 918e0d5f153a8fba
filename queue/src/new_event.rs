//! An event as a producer gives it, and the content of an entry of several events.

use std::io::Write;

use crate::channel::{ChannelName, MAX_CHANNELS_OF_EVENT};
use crate::error::EnqueueError;
use crate::limits::{self, MAX_EVENT_NAME_BYTES, MAX_EVENTS_OF_ENTRY, MAX_EXCEPT_BYTES, MAX_KEY_BYTES, VERSION};
use crate::queued_at::Now;
use crate::uid::Uid;

/// How a line begins, up to the uid.
const LINE_START: &str = r#"{"v":1,"uid":""#;
const _: () = assert!(VERSION == 1, "lines begin with the version");

/// An event to queue, with all that an event can have.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// Its name for those who drop repeats.
    pub uid: Uid,
    /// The name: the complete JSON text of a string. It is not validated.
    pub name_json: &'a [u8],
    /// The payload: a complete JSON text. It is not validated. A line feed between two tokens becomes a space.
    pub payload_json: &'a [u8],
    /// Who gets it: the subscribers of 1 to 100 channels, or everybody.
    pub channels: Option<&'a [ChannelName]>,
    /// After so many seconds nobody needs it any more, counted from when it is queued.
    pub ttl: Option<u64>,
    /// An event with a key that was sent a short time ago is not sent again.
    pub key: Option<&'a str>,
    /// The client that shall not get it, by its id.
    pub except: Option<&'a str>,
}

/// Encodes the content of an entry: a line for each event.
pub(crate) fn encode(events: &[NewEvent<'_>], now: Now, max_event_bytes: usize) -> Result<Vec<u8>, EnqueueError> {
    let mut content = Vec::new();
    encode_into(&mut content, events, now, max_event_bytes)?;
    Ok(content)
}

/// Appends the same to what a buffer has already, which does not count.
pub(crate) fn encode_into(
    content: &mut Vec<u8>,
    events: &[NewEvent<'_>],
    now: Now,
    max_event_bytes: usize,
) -> Result<(), EnqueueError> {
    if events.is_empty() {
        return Err(EnqueueError::NoEvents);
    }
    if events.len() > MAX_EVENTS_OF_ENTRY {
        return Err(EnqueueError::TooManyEvents { events: events.len() });
    }
    // Checked before anything is copied: the sum of what is given may be very large.
    let given = |event: &NewEvent<'_>| event.name_json.len().saturating_add(event.payload_json.len());
    let given = events.iter().map(given).fold(0, usize::saturating_add);
    let too_large = |size| EnqueueError::TooLarge { size, limit: max_event_bytes };
    if given > max_event_bytes {
        return Err(too_large(given));
    }
    let start = content.len();
    content.reserve(given + 200 * events.len());
    let times = Times::new(now);
    for event in events {
        check(event)?;
        encode_line(content, event, &times);
    }
    let size = content.len() - start;
    if size > max_event_bytes {
        return Err(too_large(size));
    }
    let channels = events.iter().filter_map(|event| event.channels).map(<[_]>::len).max().unwrap_or(1);
    if let Some(limit) = limits::exceeded_by(size as u64, channels, max_event_bytes as u64) {
        return Err(EnqueueError::TooLargeForChannels { size, channels, limit });
    }
    Ok(())
}

fn check(event: &NewEvent<'_>) -> Result<(), EnqueueError> {
    match event.channels.map(<[_]>::len) {
        Some(0) => return Err(EnqueueError::NoChannels),
        Some(channels) if channels > MAX_CHANNELS_OF_EVENT => return Err(EnqueueError::TooManyChannels { channels }),
        _ => {}
    }
    if event.name_json.first() != Some(&b'"') {
        return Err(EnqueueError::NameNotAString);
    }
    let within = |what: &'static str, size: usize, least: usize, limit: usize| {
        let is_within = (least..=limit).contains(&size);
        is_within.then_some(()).ok_or(EnqueueError::BadLength { what, size, least, limit })
    };
    within("name of the event, as JSON,", event.name_json.len(), 2, MAX_EVENT_NAME_BYTES)?;
    within("key", event.key.map_or(1, str::len), 1, MAX_KEY_BYTES)?;
    within("client id in `except`", event.except.map_or(1, str::len), 1, MAX_EXCEPT_BYTES)
}

/// The times of all lines of an entry, as text.
struct Times {
    /// What stands between the payload and the channels.
    queued_at: Vec<u8>,
    secs: u64,
    micros: u32,
}

impl Times {
    fn new(now: Now) -> Times {
        let (secs, micros) = (now.secs(), now.subsec_micros());
        let mut queued_at = Vec::with_capacity(80);
        let (mut whole, mut fraction) = (itoa::Buffer::new(), itoa::Buffer::new());
        let whole = whole.format(secs);
        // With a digit before it, so that it has all its zeros.
        let fraction = &fraction.format(1_000_000 + micros)[1..];
        for part in [r#","timestamp":"#, whole, r#","queued_at":"#, whole, ".", fraction, r#","channels":"#] {
            queued_at.extend_from_slice(part.as_bytes());
        }
        Times { queued_at, secs, micros }
    }
}

/// Appends a line. What most lines have is copied, because formatting it takes several times as long.
fn encode_line(content: &mut Vec<u8>, event: &NewEvent<'_>, times: &Times) {
    content.extend_from_slice(LINE_START.as_bytes());
    content.extend_from_slice(&event.uid.to_bytes_of_text());
    content.extend_from_slice(br#"","event":"#);
    append_json(content, event.name_json);
    content.extend_from_slice(br#","payload":"#);
    append_json(content, event.payload_json);
    content.extend_from_slice(&times.queued_at);
    match event.channels {
        None => content.extend_from_slice(b"null"),
        Some(channels) => {
            for (index, channel) in channels.iter().enumerate() {
                content.extend_from_slice(if index == 0 { br#"[""# } else { br#",""# });
                // No character of a name has to be escaped.
                content.extend_from_slice(channel.as_str().as_bytes());
                content.push(b'"');
            }
            content.push(b']');
        }
    }
    if let Some(ttl) = event.ttl {
        let (secs, micros) = (times.secs.saturating_add(ttl), times.micros);
        append(content, format_args!(r#","expires_at":{secs}.{micros:06}"#));
    }
    for (key, text) in [("key", event.key), ("except", event.except)] {
        if let Some(text) = text {
            append(content, format_args!(r#","{key}":{}"#, serde_json::Value::from(text)));
        }
    }
    content.extend_from_slice(b"}\n");
}

fn append(content: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    content.write_fmt(text).expect("a Vec takes every write");
}

/// Appends a JSON text as one line: a line feed in it can only be between two tokens, where a space means the same.
fn append_json(content: &mut Vec<u8>, json: &[u8]) {
    let start = content.len();
    content.extend_from_slice(json);
    if json.contains(&b'\n') {
        content[start..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_numbers_with_six_digits_behind_the_point() {
        for (at, expected) in [
            (Duration::ZERO, r#"],"timestamp":0,"queued_at":0.000000,"channels":null,"expires_at":9.000000}"#),
            (
                Duration::new(7, 1_000),
                r#"],"timestamp":7,"queued_at":7.000001,"channels":null,"expires_at":16.000001}"#,
            ),
            (
                Duration::new(1_729_000_000, 120_034_999),
                r#"],"timestamp":1729000000,"queued_at":1729000000.120034,"channels":null,"expires_at":1729000009.120034}"#,
            ),
        ] {
            let event = NewEvent {
                uid: Uid::new(),
                name_json: br#""a""#,
                payload_json: b"[]",
                channels: None,
                ttl: Some(9),
                key: None,
                except: None,
            };
            let content = encode(&[event], Now::at(at), 1000).expect("an event");
            let content = str::from_utf8(&content).expect("text");
            assert!(content.ends_with(&format!("{expected}\n")), "{content}");
        }
    }
}
