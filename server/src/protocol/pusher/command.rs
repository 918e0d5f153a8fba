//! What clients of the Pusher protocol send: JSON objects with an `event`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client_message::ClientMessage;
use crate::protocol::pusher::object;

/// The beginning of the names of client events.
const CLIENT: &str = "client-";
/// Longest name of a client event, in bytes. Pusher has the same limit.
const MAX_NAME_BYTES: usize = 200;

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Subscribe(Subscribe),
    Unsubscribe {
        channel: String,
    },
    /// Says who it is. Both are as the application's server has made them.
    Signin {
        auth: String,
        user_data: String,
    },
    Ping,
    /// An answer to a ping, which we never send: pings are those of WebSocket.
    Pong,
    /// An event for the other subscribers of a channel.
    ClientEvent(ClientEvent),
}

/// A channel that a client wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subscribe {
    pub(crate) channel: String,
    /// That the application's server allows it.
    pub(crate) auth: Option<String>,
    /// Who it is there, as the server has written it: JSON.
    pub(crate) channel_data: Option<String>,
}

/// An event that a client sends to others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientEvent {
    pub(crate) event: String,
    pub(crate) channel: String,
    /// As JSON text.
    pub(crate) data: Option<Box<str>>,
}

/// What is wrong with a message. For the client.
pub(crate) type Problem = &'static str;

#[derive(Deserialize)]
struct Message<'a> {
    event: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    channel: Option<String>,
}

/// The keys of all commands. One whose value is null counts as missing.
#[derive(Deserialize, Default)]
struct Data {
    channel: Option<String>,
    auth: Option<String>,
    channel_data: Option<String>,
    user_data: Option<String>,
}

impl Command {
    /// What a message asks for.
    pub(crate) fn of(message: &ClientMessage) -> Result<Command, Problem> {
        let ClientMessage::Text(text) = message else { return Err("messages must be text") };
        Command::parse(text)
    }

    /// What a text asks for.
    pub(crate) fn parse(text: &str) -> Result<Command, Problem> {
        let message: Option<Message<'_>> = object(text);
        let message = message.ok_or("a message must be a JSON object with an event")?;
        match message.event.as_str() {
            "pusher:ping" => return Ok(Command::Ping),
            "pusher:pong" => return Ok(Command::Pong),
            event if event.starts_with(CLIENT) => return client_event(message),
            _ => {}
        }
        let data = message.data.map(data).transpose()?.unwrap_or_default();
        match message.event.as_str() {
            "pusher:subscribe" => {
                let channel = data.channel.ok_or("pusher:subscribe needs a channel")?;
                Ok(Command::Subscribe(Subscribe { channel, auth: data.auth, channel_data: data.channel_data }))
            }
            "pusher:unsubscribe" => {
                let channel = data.channel.ok_or("pusher:unsubscribe needs a channel")?;
                Ok(Command::Unsubscribe { channel })
            }
            "pusher:signin" => match (data.auth, data.user_data) {
                (Some(auth), Some(user_data)) => Ok(Command::Signin { auth, user_data }),
                _ => Err("pusher:signin needs auth and user_data"),
            },
            event if event.starts_with("pusher") => Err("unknown event of the protocol"),
            _ => Err("names of client events begin with client-"),
        }
    }
}

fn client_event(message: Message<'_>) -> Result<Command, Problem> {
    if message.event.len() > MAX_NAME_BYTES {
        return Err("the name of a client event has at most 200 bytes");
    }
    let channel = message.channel.ok_or("a client event needs a channel")?;
    let data = message.data.map(|data| data.get().into());
    Ok(Command::ClientEvent(ClientEvent { event: message.event, channel, data }))
}

/// An object, or a string that holds one: some libraries send that.
fn data(given: &RawValue) -> Result<Data, Problem> {
    const PROBLEM: Problem = "data must be an object, whose values are strings";
    let text = given.get();
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text).map_err(|_| PROBLEM)?;
        return object(&text).ok_or(PROBLEM);
    }
    object(text).ok_or(PROBLEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let subscribe = |auth: Option<&str>, channel_data: Option<&str>| {
            let (auth, channel_data) = (auth.map(str::to_owned), channel_data.map(str::to_owned));
            Ok(Command::Subscribe(Subscribe { channel: "a".to_owned(), auth, channel_data }))
        };
        for (text, command) in [
            (r#"{"event":"pusher:subscribe","data":{"channel":"a"}}"#, subscribe(None, None)),
            (
                r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"a","channel_data":null}}"#,
                subscribe(Some(""), None),
            ),
            (
                r#"{"event":"pusher:subscribe","data":"{\"auth\":\"k:s\",\"channel\":\"a\",\"channel_data\":\"{}\"}"}"#,
                subscribe(Some("k:s"), Some("{}")),
            ),
            (
                r#"{"event":"pusher:unsubscribe","data":{"channel":"a"}}"#,
                Ok(Command::Unsubscribe { channel: "a".to_owned() }),
            ),
            (r#"{"event":"pusher:ping","data":{}}"#, Ok(Command::Ping)),
            (r#"{"event":"pusher:ping"}"#, Ok(Command::Ping)),
            (r#"{"event":"pusher:pong","data":7}"#, Ok(Command::Pong)),
            (
                r#"{"event":"pusher:signin","data":{"auth":"k:s","user_data":"{}"}}"#,
                Ok(Command::Signin { auth: "k:s".to_owned(), user_data: "{}".to_owned() }),
            ),
            (
                r#"{"event":"client-a","channel":"private-a","data":{"b":1.0}}"#,
                Ok(Command::ClientEvent(ClientEvent {
                    event: "client-a".to_owned(),
                    channel: "private-a".to_owned(),
                    data: Some(r#"{"b":1.0}"#.into()),
                })),
            ),
        ] {
            assert_eq!(Command::parse(text), command, "{text}");
        }
    }

    #[test]
    fn bad_messages_are_told_what_is_wrong() {
        let long = format!(r#"{{"event":"client-{}","channel":"a"}}"#, "x".repeat(200));
        for (text, part) in [
            ("", "JSON object"),
            ("[]", "JSON object"),
            (r#"["pusher:subscribe",{"channel":"a"},null]"#, "JSON object"),
            (r#"{"event":"pusher:subscribe","data":["a",null,null,null]}"#, "must be an object"),
            (r#"{"event":7}"#, "JSON object"),
            (r#"{"data":{}}"#, "JSON object"),
            (r#"{"event":"pusher:subscribe"}"#, "needs a channel"),
            (r#"{"event":"pusher:subscribe","data":{"channel":7}}"#, "whose values are strings"),
            (r#"{"event":"pusher:subscribe","data":"x"}"#, "must be an object"),
            (r#"{"event":"pusher:subscribe","data":{"channel":"a","channel_data":{}}}"#, "whose values are strings"),
            (r#"{"event":"pusher:signin","data":{"auth":"x"}}"#, "needs auth and user_data"),
            (r#"{"event":"pusher:connection_established","data":"{}"}"#, "unknown event"),
            (r#"{"event":"pusher_internal:member_added","channel":"a","data":"{}"}"#, "unknown event"),
            (r#"{"event":"a","channel":"a"}"#, "begin with client-"),
            (r#"{"event":"client-a"}"#, "needs a channel"),
            (&long, "at most 200 bytes"),
        ] {
            let problem = Command::parse(text).expect_err(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
