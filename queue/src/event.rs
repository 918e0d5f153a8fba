//! What PHP queues: a name and a payload, both kept as the JSON text that PHP's encoder produced.

mod forwarding;
mod lines;

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::channel::ChannelName;
use crate::entry_error::EntryError;
use crate::queued_at::{Now, QueuedAt};
use crate::uid::Uid;

pub(crate) use lines::parse as parse_lines;

/// A queued event, as a consumer reads it.
#[derive(Debug, Clone)]
pub struct Event {
    uid: Uid,
    name: Box<RawValue>,
    payload: Option<Box<RawValue>>,
    timestamp: i64,
    queued_at: Option<QueuedAt>,
    channels: Option<Box<[ChannelName]>>,
    expires_at: Option<f64>,
    key: Option<Box<str>>,
    except: Option<Box<str>>,
}

impl Event {
    /// Reads an event for everybody from a JSON object that is no entry, such as a client's message. Its uid is a new
    /// one.
    ///
    /// # Errors
    /// The reason why the content is no event.
    pub fn parse(content: &[u8]) -> Result<Event, EntryError> {
        Event::read(content, |_| Uid::new()).map(|(event, _)| event)
    }

    /// Reads the event of an entry that holds one. `uid` makes its uid, from when it was queued.
    ///
    /// # Errors
    /// The reason why the content is no event, in words for the operator.
    pub(crate) fn of_entry(content: &[u8], uid: impl FnOnce(Option<QueuedAt>) -> Uid) -> Result<Event, EntryError> {
        let (event, for_some) = Event::read(content, uid)?;
        for_some.map_or(Ok(event), |key| Err(EntryError::NotForEverybody(key)))
    }

    /// Reads an event, and which key says that it is not for everybody, if there is one.
    fn read(
        content: &[u8],
        uid: impl FnOnce(Option<QueuedAt>) -> Uid,
    ) -> Result<(Event, Option<&'static str>), EntryError> {
        let content = std::str::from_utf8(content).map_err(EntryError::NotUtf8)?;
        // Serde would also accept the fields as an array.
        if content.trim_ascii_start().starts_with('[') {
            return Err(EntryError::NotAnObject);
        }
        let fields: Fields = serde_json::from_str(content).map_err(EntryError::NotJson)?;
        let name = fields.event.ok_or(EntryError::NoName)?;
        if matches!(name.get().as_bytes().first(), None | Some(b'{' | b'[' | b'n')) {
            return Err(EntryError::NameNotScalar);
        }
        let for_some = [("channels", fields.channels), ("channel", fields.channel), ("except", fields.except)];
        let for_some = for_some.into_iter().find_map(|(key, given)| given.map(|_| key));
        let queued_at = fields.queued_at.filter(|secs| *secs > 0.0).map(QueuedAt::from_secs);
        let event = Event {
            uid: uid(queued_at),
            name,
            payload: fields.payload,
            timestamp: fields.timestamp.or(fields.queued_at).map_or(0, |secs| secs as i64),
            queued_at,
            channels: None,
            expires_at: None,
            key: None,
            except: None,
        };
        Ok((event, for_some))
    }

    /// Its name for those who drop repeats. The same at each reading of its entry.
    pub fn uid(&self) -> Uid {
        self.uid
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
        self.channels.as_deref()
    }

    /// The client that shall not get it, by the id that the server gave it.
    pub fn except(&self) -> Option<&str> {
        self.except.as_deref()
    }

    /// From when on nobody needs it any more, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> Option<f64> {
        self.expires_at
    }

    /// An event with the same key, within its first channel or within everybody's, is not sent again for a while.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn queued_at(&self) -> Option<QueuedAt> {
        self.queued_at
    }

    /// When it was queued, since the Unix epoch, by the clock of its producer. `None`: the producer wrote no time.
    pub fn queued_since_epoch(&self) -> Option<Duration> {
        self.queued_at.map(|at| Duration::from_nanos(at.nanos()))
    }
}

/// The keys of the object. Unknown ones are ignored, so that producers may add keys.
#[derive(Deserialize)]
struct Fields {
    event: Option<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
    timestamp: Option<f64>,
    queued_at: Option<f64>,
    // Who writes one of these does not mean everybody.
    channels: Option<IgnoredAny>,
    channel: Option<IgnoredAny>,
    except: Option<IgnoredAny>,
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
        assert!(reason(b"").starts_with("not valid JSON: it ends in the middle, at line 1 column 0"));
        assert!(reason(br#"{"event":"a","payl"#).starts_with("not valid JSON"));
        assert!(reason(b"{\"event\":\"\xff\"}").starts_with("not valid UTF-8"));
        for list in [&b"[1]"[..], br#" ["name",{"payload":1}]"#] {
            assert_eq!(reason(list), "a list, and not an object with the keys event and payload");
        }
        for (wrong, told) in [
            (&b"7"[..], "a value has the wrong type, at line 1 column 1: an event is an object"),
            (br#"{"event":"a","timestamp":"x"}"#, "a value has the wrong type, at line 1 column 28: an event"),
            (b"{\"event\":1,\n\"event\":2}", "the key `event` is given twice, at line 2 column 7"),
            (br#"{"event":a}"#, "expected value at line 1 column 10"),
        ] {
            assert!(reason(wrong).starts_with(&format!("not valid JSON: {told}")), "{}", reason(wrong));
        }
        assert_eq!(reason(br#"{"payload":1}"#), "no `event` key");
        assert_eq!(reason(br#"{"event":{},"payload":1}"#), "the event name is not a string");
    }

    #[test]
    fn an_entry_that_names_an_audience_must_be_of_the_form_that_has_one() {
        let entry = |content: &str| Event::of_entry(content.as_bytes(), |_| Uid::new());
        for narrowed in [r#""channels":["a"]"#, r#""channel":"a""#, r#""except":"1.2""#, r#""channels":[]"#] {
            let content = format!(r#"{{"event":"a",{narrowed}}}"#);
            let reason = entry(&content).expect_err("no event for everybody").to_string();
            assert!(reason.contains("an entry of this kind is for everybody"), "{reason}");
            assert!(Event::parse(content.as_bytes()).is_ok(), "clients may send any key");
        }
        assert!(entry(r#"{"event":"a","channels":null,"channel_of":1}"#).is_ok());
    }
}
