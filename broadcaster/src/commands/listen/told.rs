//! What a server tells beside events: messages with a `type` and without an `event`.

use queue::printable;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What a server tells beside events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Welcome {
        channels: Vec<String>,
    },
    Subscribed {
        channels: Vec<String>,
    },
    Unsubscribed {
        channels: Vec<String>,
        code: Option<u16>,
    },
    Error {
        code: u16,
        message: String,
    },
    Expiring,
    /// What needs no action here, such as a heartbeat.
    Other,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: String,
    event: Option<IgnoredAny>,
    #[serde(default)]
    channels: Vec<String>,
    code: Option<u16>,
    message: Option<String>,
}

impl Told {
    /// None: it is an event, or something that an application sent.
    pub(super) fn parse(text: &str) -> Option<Told> {
        let Fields { kind, event, channels, code, message } = serde_json::from_str(text).ok()?;
        if event.is_some() {
            return None;
        }
        Some(match kind.as_str() {
            "welcome" => Told::Welcome { channels },
            "subscribed" => Told::Subscribed { channels },
            "unsubscribed" => Told::Unsubscribed { channels, code },
            "error" => Told::Error { code: code.unwrap_or_default(), message: message.unwrap_or_default() },
            "expiring" => Told::Expiring,
            _ => Told::Other,
        })
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
        for (text, told) in [
            (r#"{"event":"welcome","payload":{"type":"welcome"},"timestamp":1,"id":"a-1"}"#, None),
            (r#"{"type":"welcome","event":"a"}"#, None),
            (r#"{"type":7}"#, None),
            (r#"["type"]"#, None),
            ("no JSON", None),
            (
                r#"{"type":"welcome","client":"1.2","version":1,"channels":["a"],"id":"x-1"}"#,
                Some(Told::Welcome { channels: vec!["a".to_owned()] }),
            ),
            (
                r#"{"type":"unsubscribed","channels":["a"],"code":103}"#,
                Some(Told::Unsubscribed { channels: vec!["a".to_owned()], code: Some(103) }),
            ),
            (
                r#"{"type":"error","ref":1,"code":103,"message":"a: not allowed"}"#,
                Some(Told::Error { code: 103, message: "a: not allowed".to_owned() }),
            ),
            (r#"{"type":"expiring"}"#, Some(Told::Expiring)),
            (r#"{"type":"heartbeat","id":"x-1"}"#, Some(Told::Other)),
            (r#"{"type":"of a later version"}"#, Some(Told::Other)),
        ] {
            assert_eq!(Told::parse(text), told, "{text}");
        }
    }
}
