//! What PHP queues: a name and a payload, both kept as the JSON text that PHP's encoder produced.

use serde::Deserialize;
use serde::de::{Error, Unexpected};
use serde_json::value::RawValue;

use crate::channel::ChannelName;
use crate::error::EntryError;
use crate::queued_at::{Now, QueuedAt};

/// A queued event, as a consumer reads it.
#[derive(Debug, Clone)]
pub struct Event {
    name: Box<RawValue>,
    payload: Option<Box<RawValue>>,
    timestamp: i64,
    queued_at: Option<QueuedAt>,
}

impl Event {
    /// Reads an event from the content of an entry.
    ///
    /// # Errors
    /// The reason why the content is no event, in words for the operator.
    pub fn parse(content: &[u8]) -> Result<Event, EntryError> {
        let content = std::str::from_utf8(content).map_err(EntryError::NotUtf8)?;
        // Serde would also accept the fields as an array.
        if content.trim_ascii_start().starts_with('[') {
            let error = serde_json::Error::invalid_type(Unexpected::Seq, &"an object");
            return Err(EntryError::NotJson(error));
        }
        let fields: Fields = serde_json::from_str(content).map_err(EntryError::NotJson)?;
        let name = fields.event.ok_or(EntryError::NoName)?;
        if matches!(name.get().as_bytes().first(), None | Some(b'{' | b'[' | b'n')) {
            return Err(EntryError::NameNotScalar);
        }
        let queued_at = fields.queued_at.filter(|secs| *secs > 0.0).map(QueuedAt::from_secs);
        Ok(Event {
            name,
            payload: fields.payload,
            timestamp: fields.timestamp.or(fields.queued_at).map_or(0, |secs| secs as i64),
            queued_at,
        })
    }

    /// The JSON text of the event's name: a string, or another scalar that PHP code used as a name.
    pub fn name_json(&self) -> &str {
        self.name.get()
    }

    /// The JSON text of the payload, byte for byte as PHP produced it. `null` if the producer wrote none.
    pub fn payload_json(&self) -> &str {
        self.payload.as_deref().map_or("null", RawValue::get)
    }

    /// Seconds since the Unix epoch at which the event was queued. 0 if the producer wrote no time.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The channels that it is for, none of them twice. `None`: it is for everybody.
    pub fn channels(&self) -> Option<&[ChannelName]> {
        None
    }

    /// The client that shall not get it, by the id that the server gave it.
    pub fn except(&self) -> Option<&str> {
        None
    }

    pub(crate) fn queued_at(&self) -> Option<QueuedAt> {
        self.queued_at
    }
}

/// The keys of the object. Unknown ones are ignored, so that producers may add keys.
#[derive(Deserialize)]
struct Fields {
    event: Option<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
    timestamp: Option<f64>,
    queued_at: Option<f64>,
}

/// Encodes the content of an entry. Both arguments are complete JSON texts and are not validated again.
pub(crate) fn encode(name_json: &[u8], payload_json: &[u8], now: Now) -> Vec<u8> {
    use std::io::Write;

    let mut content = Vec::with_capacity(name_json.len() + payload_json.len() + 88);
    content.extend_from_slice(br#"{"event":"#);
    content.extend_from_slice(name_json);
    content.extend_from_slice(br#","payload":"#);
    content.extend_from_slice(payload_json);
    let (secs, micros) = (now.secs(), now.subsec_micros());
    write!(content, r#","timestamp":{secs},"queued_at":{secs}.{micros:06}}}"#).expect("a Vec takes every write");
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_bytes_of_name_and_payload() {
        let content = br#"{"event":"a\/b\u00e9","payload":{"x": 1.0,"y":[ 1e5 ]},"timestamp":7,"queued_at":7.25}"#;
        let event = Event::parse(content).expect("an event");
        assert_eq!(event.name_json(), r#""a\/b\u00e9""#);
        assert_eq!(event.payload_json(), r#"{"x": 1.0,"y":[ 1e5 ]}"#);
        assert_eq!(event.timestamp(), 7);
        assert_eq!(event.queued_at(), Some(QueuedAt::from_nanos(7_250_000_000)));
    }

    #[test]
    fn parses_what_it_encodes() {
        let now = Now::read();
        let content = encode(br#""order\/created""#, br#"{"id":1}"#, now);
        let event = Event::parse(&content).expect("an event");
        assert_eq!(event.name_json(), r#""order\/created""#);
        assert_eq!(event.payload_json(), r#"{"id":1}"#);
        assert_eq!(event.timestamp(), now.secs() as i64);
        let micros = now.secs() * 1_000_000 + u64::from(now.subsec_micros());
        assert_eq!(event.queued_at(), Some(QueuedAt::from_nanos(micros * 1_000)));
    }

    #[test]
    fn a_missing_payload_is_null() {
        let event = Event::parse(br#"{"event":"ping"}"#).expect("an event");
        assert_eq!(event.payload_json(), "null");
    }

    #[test]
    fn reads_payloads_as_deep_as_php_writes_them() {
        let deep = format!(r#"{{"event":"deep","payload":{}{}}}"#, "[".repeat(511), "]".repeat(511));
        assert!(Event::parse(deep.as_bytes()).is_ok());
    }

    #[test]
    fn refuses_what_is_no_event_and_gives_the_reason() {
        let reason = |content: &[u8]| Event::parse(content).expect_err("no event").to_string();
        assert!(reason(b"").starts_with("not valid JSON: EOF"));
        assert!(reason(br#"{"event":"a","payl"#).starts_with("not valid JSON"));
        assert!(reason(b"{\"event\":\"\xff\"}").starts_with("not valid UTF-8"));
        assert!(reason(b"[1]").starts_with("not valid JSON"));
        let array = reason(br#" ["name",{"payload":1}]"#);
        assert!(array.ends_with("invalid type: sequence, expected an object"), "{array}");
        assert_eq!(reason(br#"{"payload":1}"#), "no `event` key");
        assert_eq!(reason(br#"{"event":{},"payload":1}"#), "the event name is not a string");
    }
}
