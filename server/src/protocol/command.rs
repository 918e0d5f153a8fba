//! What clients of the subprotocol `fastapi.v1` ask for: JSON objects with a `type`.

use std::fmt;

use queue::ChannelName;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::client_message::ClientMessage;
use crate::protocol::after::After;

/// Longest `ref`, in bytes of its JSON text.
const MAX_REFERENCE_BYTES: usize = 64;

/// What a client asks for, with what its answer is to repeat.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) reference: Option<Box<RawValue>>,
    /// The command, or what is wrong with it.
    pub(crate) command: Result<Command, Problem>,
}

/// What a client asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Subscribe {
        channels: Vec<ChannelName>,
        token: Option<Token>,
        after: Option<After>,
    },
    Unsubscribe {
        channels: Vec<ChannelName>,
    },
    Authenticate {
        token: Token,
        everybody: Option<bool>,
    },
    /// Who is on a channel?
    Presence {
        channel: ChannelName,
    },
    Ping,
}

/// Why a command cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is not written as commands are. What is wrong.
    Bad(&'static str),
    /// It names more channels than a client may have.
    TooManyChannels,
}

/// A token. Never shown.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Token(pub(crate) String);

/// The keys of all commands. Unknown ones are ignored. One whose value is null counts as missing.
#[derive(serde::Deserialize)]
struct Fields {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<Box<RawValue>>,
    channel: Option<String>,
    channels: Option<Names>,
    token: Option<Token>,
    after: Option<String>,
    everybody: Option<bool>,
}

/// Names of channels as they were sent, of which no more are kept than a client may have, and one.
struct Names(Vec<String>);

/// More names than any client may have subscriptions are not read.
const MAX_NAMES: usize = 10_000;

impl Request {
    /// What a message asks for. None: it is no command.
    pub(crate) fn of(message: &ClientMessage, max_channels: usize) -> Option<Request> {
        let ClientMessage::Text(text) = message else { return None };
        Request::parse(text, max_channels)
    }

    /// One that is no command, where nothing else is taken.
    pub(crate) fn unknown() -> Request {
        let problem = "a command is a JSON object with a type: subscribe, unsubscribe, authenticate, presence or ping";
        Request { reference: None, command: Err(Problem::Bad(problem)) }
    }

    /// What a text asks for. None: it is no object with a `type`, and so no command.
    fn parse(text: &str, max_channels: usize) -> Option<Request> {
        if !text.trim_ascii_start().starts_with('{') {
            return None;
        }
        let fields = match serde_json::from_str::<Fields>(text) {
            Ok(fields) => fields,
            // It may be a message of the application, which has keys of the same name.
            Err(_) => {
                let Kind { kind, reference } = serde_json::from_str(text).ok()?;
                let problem = Problem::Bad(if kind?.get().starts_with('"') {
                    "a key has a value of the wrong type, or there are too many names"
                } else {
                    "type must be a string"
                });
                let reference = reference.filter(|reference| is_reference(reference));
                return Some(Request { reference, command: Err(problem) });
            }
        };
        let kind = fields.kind?;
        let reference = match fields.reference {
            Some(reference) if !is_reference(&reference) => {
                let problem = Problem::Bad("ref must be a string or a number of at most 64 bytes");
                return Some(Request { reference: None, command: Err(problem) });
            }
            reference => reference,
        };
        let channels = |channel: Option<String>, channels: Option<Names>| names(channel, channels, max_channels);
        let command = match kind.as_str() {
            "subscribe" => channels(fields.channel, fields.channels).and_then(|channels| {
                let after = fields.after.as_deref().map(After::parse);
                if after == Some(None) {
                    return Err(Problem::Bad("after is no id: at most 64 of the characters A-Z a-z 0-9 - _ ."));
                }
                Ok(Command::Subscribe { channels, token: fields.token, after: after.flatten() })
            }),
            "unsubscribe" => {
                channels(fields.channel, fields.channels).map(|channels| Command::Unsubscribe { channels })
            }
            "authenticate" => match fields.token {
                Some(token) => Ok(Command::Authenticate { token, everybody: fields.everybody }),
                None => Err(Problem::Bad("authenticate needs a token")),
            },
            "presence" => channels(fields.channel, fields.channels).and_then(|mut channels| match channels.pop() {
                Some(channel) if channels.is_empty() && channel.is_presence() => Ok(Command::Presence { channel }),
                _ => Err(Problem::Bad("presence needs one channel, whose name begins with presence-")),
            }),
            "ping" => Ok(Command::Ping),
            _ => Err(Problem::Bad("type must be subscribe, unsubscribe, authenticate, presence or ping")),
        };
        Some(Request { reference, command })
    }
}

/// What of a command is looked at if its keys are not what they should be.
#[derive(serde::Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: Option<Box<RawValue>>,
    #[serde(rename = "ref")]
    reference: Option<Box<RawValue>>,
}

fn is_reference(reference: &RawValue) -> bool {
    let text = reference.get();
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    text.len() <= MAX_REFERENCE_BYTES && (is_number || text.starts_with('"'))
}

/// The channels of a command, each once.
fn names(channel: Option<String>, channels: Option<Names>, max: usize) -> Result<Vec<ChannelName>, Problem> {
    let given = match (channel, channels) {
        (Some(channel), None) => vec![channel],
        (None, Some(Names(channels))) => channels,
        _ => return Err(Problem::Bad("it needs channel, a name, or channels, a list of names")),
    };
    if given.is_empty() {
        return Err(Problem::Bad("channels is empty"));
    }
    if given.len() > max {
        return Err(Problem::TooManyChannels);
    }
    let mut names: Vec<ChannelName> = Vec::with_capacity(given.len());
    for name in given {
        let name = name
            .parse()
            .map_err(|_| Problem::Bad("a channel name has 1 to 200 of the characters A-Z a-z 0-9 _ - = @ , . ; : /"))?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Names, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Names;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    if names.len() == MAX_NAMES {
                        return Err(de::Error::custom("too many names"));
                    }
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Result<Command, Problem> {
        Request::parse(text, 3).expect("a command").command
    }

    fn problem(text: &str) -> String {
        format!("{:?}", command(text).expect_err(text))
    }

    #[test]
    fn commands_are_read() {
        let subscribe = r#"{"type":"subscribe","channels":["a","b","a"],"ref":"x","later":[1]}"#;
        let request = Request::parse(subscribe, 3).expect("a command");
        assert_eq!(request.reference.map(|reference| reference.get().to_owned()).as_deref(), Some(r#""x""#));
        let Ok(Command::Subscribe { channels, token: None, after: None }) = request.command else {
            panic!("{subscribe}")
        };
        assert_eq!(channels.iter().map(ChannelName::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert!(matches!(command(r#" {"type":"ping","ref":-1.5}"#), Ok(Command::Ping)));
        assert!(matches!(command(r#"{"type":"unsubscribe","channel":"a"}"#), Ok(Command::Unsubscribe { .. })));
        assert!(matches!(
            command(r#"{"type":"authenticate","token":"t","everybody":false}"#),
            Ok(Command::Authenticate { everybody: Some(false), .. })
        ));
    }

    #[test]
    fn a_key_that_is_null_is_not_there() {
        let subscribe = r#"{"type":"subscribe","channel":"a","channels":null,"token":null,"after":null,"ref":null}"#;
        let request = Request::parse(subscribe, 3).expect("a command");
        assert!(request.reference.is_none());
        assert!(matches!(request.command, Ok(Command::Subscribe { token: None, after: None, .. })), "{request:?}");
        let login = command(r#"{"type":"authenticate","token":"t","everybody":null}"#);
        assert!(matches!(login, Ok(Command::Authenticate { everybody: None, .. })), "{login:?}");
        assert!(problem(r#"{"type":"authenticate","token":null}"#).contains("needs a token"));
        assert!(problem(r#"{"type":"subscribe","channel":null}"#).contains("needs channel"));
    }

    #[test]
    fn what_has_no_type_is_no_command() {
        for text in ["", "a", "[1]", "{", r#"{"event":"a"}"#, r#"{"type":null}"#, r#"{"channel":7}"#] {
            assert!(Request::parse(text, 3).is_none(), "{text}");
        }
    }

    #[test]
    fn bad_commands_are_told_what_is_wrong() {
        for (text, part) in [
            (r#"{"type":"subscribe"}"#, "needs channel"),
            (r#"{"type":"subscribe","channel":"a","channels":["b"]}"#, "needs channel"),
            (r#"{"type":"subscribe","channels":[]}"#, "empty"),
            (r#"{"type":"subscribe","channels":["a b"]}"#, "a channel name has"),
            (r#"{"type":"subscribe","channels":"a"}"#, "wrong type"),
            (r#"{"type":"subscribe","channel":["a"]}"#, "wrong type"),
            (r#"{"type":"subscribe","channels":["a","b","c","d"]}"#, "TooManyChannels"),
            (r#"{"type":"subscribe","channel":"a","after":"a b"}"#, "after is no id"),
            (r#"{"type":"subscribe","channel":"a","after":7}"#, "wrong type"),
            (r#"{"type":"authenticate"}"#, "needs a token"),
            (r#"{"type":"authenticate","token":7}"#, "wrong type"),
            (r#"{"type":"Subscribe","channel":"a"}"#, "type must be"),
            (r#"{"type":7}"#, "type must be a string"),
            (r#"{"type":"presence"}"#, "needs channel"),
            (r#"{"type":"presence","channel":"a"}"#, "begins with presence-"),
            (r#"{"type":"presence","channels":["presence-a","presence-b"]}"#, "one channel"),
            (r#"{"type":"ping","ref":{}}"#, "ref must be"),
            (r#"{"type":"ping","ref":"0123456789012345678901234567890123456789012345678901234567890123"}"#, "ref must"),
        ] {
            assert!(problem(text).contains(part), "{text}: {}", problem(text));
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let shown = format!("{:?}", Request::parse(r#"{"type":"authenticate","token":"secret"}"#, 3));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
