//! What a server tells beside events: messages with a `type` and without an `event`.

use queue::printable;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

/// A message of a server that has greeted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// The client's position behind it.
    pub(super) id: Option<String>,
    /// None: it is an event, or something that an application sent.
    pub(super) told: Option<Told>,
    /// As it was sent.
    pub(super) text: String,
}

/// What a server tells beside events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Welcome {
        channels: Vec<String>,
        recovered: Option<bool>,
    },
    Subscribed {
        channels: Vec<String>,
        recovered: Option<bool>,
        /// The messages that were missed, oldest first.
        events: Vec<String>,
    },
    Unsubscribed {
        channels: Vec<String>,
        code: Option<u16>,
    },
    Error {
        code: u16,
        message: String,
    },
    /// Something was lost before this message.
    Gap,
    Expiring,
    /// What needs no action here, such as a heartbeat.
    Other,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    event: Option<IgnoredAny>,
    id: Option<String>,
    #[serde(default)]
    channels: Vec<String>,
    recovered: Option<bool>,
    #[serde(default, borrow)]
    events: Vec<&'a RawValue>,
    code: Option<u16>,
    message: Option<String>,
}

/// The position of an event, whatever else it has.
#[derive(Deserialize)]
struct OfEvent {
    #[serde(rename = "event")]
    _event: IgnoredAny,
    id: String,
}

impl Received {
    pub(super) fn parse(text: String) -> Received {
        let (id, told) = match serde_json::from_str::<Fields<'_>>(&text) {
            Ok(Fields { kind: Some(kind), event: None, id, channels, recovered, events, code, message }) => {
                let told = match kind.as_str() {
                    "welcome" => Told::Welcome { channels, recovered },
                    "subscribed" => {
                        let events = events.into_iter().map(|event| event.get().to_owned()).collect();
                        Told::Subscribed { channels, recovered, events }
                    }
                    "unsubscribed" => Told::Unsubscribed { channels, code },
                    "error" => Told::Error { code: code.unwrap_or_default(), message: message.unwrap_or_default() },
                    "gap" => Told::Gap,
                    "expiring" => Told::Expiring,
                    _ => Told::Other,
                };
                (id, Some(told))
            }
            _ => (serde_json::from_str(&text).ok().map(|OfEvent { id, .. }| id), None),
        };
        Received { id, told, text }
    }
}

/// Names for people.
pub(super) fn channels_of(channels: &[String]) -> String {
    printable(&channels.join(", ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_from_the_rest() {
        let channels = || vec!["a".to_owned()];
        for (text, id, told) in [
            (
                r#"{"event":"welcome","payload":{"type":"welcome"},"timestamp":1,"id":"a-1","channels":7}"#,
                Some("a-1"),
                None,
            ),
            (r#"{"type":"welcome","event":"a"}"#, None, None),
            (r#"{"type":7,"id":"a-1"}"#, None, None),
            (r#"["type"]"#, None, None),
            ("no JSON", None, None),
            (
                r#"{"type":"welcome","client":"1.2","version":1,"channels":["a"],"recovered":true,"id":"x-1"}"#,
                Some("x-1"),
                Some(Told::Welcome { channels: channels(), recovered: Some(true) }),
            ),
            (
                r#"{"type":"subscribed","channels":["a"],"id":"x-1","recovered":false}"#,
                Some("x-1"),
                Some(Told::Subscribed { channels: channels(), recovered: Some(false), events: vec![] }),
            ),
            (
                r#"{"type":"subscribed","channels":["a"],"id":"x-2","recovered":true,"events":[{"event":"b", "id":"x-2"}]}"#,
                Some("x-2"),
                Some(Told::Subscribed {
                    channels: channels(),
                    recovered: Some(true),
                    events: vec![r#"{"event":"b", "id":"x-2"}"#.to_owned()],
                }),
            ),
            (
                r#"{"type":"unsubscribed","channels":["a"],"code":103}"#,
                None,
                Some(Told::Unsubscribed { channels: channels(), code: Some(103) }),
            ),
            (
                r#"{"type":"error","ref":1,"code":103,"message":"a: not allowed"}"#,
                None,
                Some(Told::Error { code: 103, message: "a: not allowed".to_owned() }),
            ),
            (r#"{"type":"expiring"}"#, None, Some(Told::Expiring)),
            (r#"{"type":"gap","id":"x-7"}"#, Some("x-7"), Some(Told::Gap)),
            (r#"{"type":"heartbeat","id":"x-1"}"#, Some("x-1"), Some(Told::Other)),
            (r#"{"type":"of a later version"}"#, None, Some(Told::Other)),
        ] {
            let expected = Received { id: id.map(str::to_owned), told, text: text.to_owned() };
            assert_eq!(Received::parse(text.to_owned()), expected);
        }
    }
}
