//! What native clients ask for.

use queue::ChannelName;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::client_message::ClientMessage;
use crate::protocol::command::{Command, Problem, Request};
use crate::protocol::frames::header_len;
use crate::protocol::native::ServerMessage;

/// Channels that a client may have.
const MAX_CHANNELS: usize = 8;

/// Reads a message of a native client as the server does.
///
/// # Panics
/// When a command is not what the text says, or its answer would be no JSON.
pub fn command(bytes: &[u8]) {
    assert!(Request::of(&ClientMessage::Binary(bytes.to_vec()), MAX_CHANNELS).is_none(), "a command is a text");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(request) = Request::of(&ClientMessage::Text(text.to_owned()), MAX_CHANNELS) else { return };
    let Ok(said) = serde_json::from_str(text) else {
        // A number that is too large for this reader.
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok(), "a command is JSON");
        return;
    };
    check_answer(&request, &said);
    if let Ok(command) = request.command {
        check(command, &said);
    }
}

/// By other means than the code: a command says what the object says, and is within the bounds.
fn check(command: Command, said: &Value) {
    let kind = match &command {
        Command::Subscribe { .. } => "subscribe",
        Command::Unsubscribe { .. } => "unsubscribe",
        Command::Authenticate { .. } => "authenticate",
        Command::Presence { .. } => "presence",
        Command::Ping => "ping",
    };
    assert_eq!(said["type"], kind);
    match command {
        Command::Subscribe { channels, token, .. } => {
            check_channels(&channels, said);
            assert_eq!(token.as_ref().map(|token| token.0.as_str()), said.get("token").and_then(Value::as_str));
        }
        Command::Unsubscribe { channels } => check_channels(&channels, said),
        Command::Authenticate { token, everybody } => {
            assert_eq!(said["token"], *token.0);
            assert_eq!(said.get("everybody").and_then(Value::as_bool), everybody);
        }
        Command::Presence { channel } => {
            assert!(channel.is_presence(), "only these have members");
            check_channels(&[channel], said);
        }
        Command::Ping => {}
    }
}

fn check_channels(channels: &[ChannelName], said: &Value) {
    assert!((1..=MAX_CHANNELS).contains(&channels.len()));
    let mut named: Vec<&str> = match (&said["channel"], &said["channels"]) {
        (Value::String(name), Value::Null) => vec![name],
        (Value::Null, Value::Array(names)) => names.iter().map(|name| name.as_str().expect("a name")).collect(),
        other => panic!("{other:?} names channels"),
    };
    for (index, channel) in channels.iter().enumerate() {
        assert_eq!(channel.as_str().parse().as_ref(), Ok(channel));
        assert!(!channels[..index].contains(channel), "none twice");
    }
    let mut seen = Vec::new();
    named.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    assert!(channels.iter().map(ChannelName::as_str).eq(named), "the names are those of the text, in its order");
}

/// What is answered is JSON, has the `ref` that was sent, and nothing of a token.
fn check_answer(request: &Request, said: &Value) {
    let reference = request.reference.as_deref();
    let message = match &request.command {
        Err(Problem::Bad(problem)) => *problem,
        _ => "",
    };
    let frame = ServerMessage::Error { reference, code: 107, message }.encode();
    let answer: Value = serde_json::from_slice(&frame[header_len(&frame)..]).expect("an answer is JSON");
    match reference {
        Some(reference) => {
            assert!(reference.get().len() <= 64, "a ref is short");
            assert!(answer["ref"].is_string() || answer["ref"].is_number());
            assert_eq!(answer["ref"], said["ref"], "a ref is returned as it was sent");
        }
        None => assert!(answer.get("ref").is_none()),
    }
    let shown = format!("{request:?}");
    let token = said.get("token").and_then(Value::as_str).filter(|token| token.len() > 16);
    assert!(token.is_none_or(|token| !shown.contains(token) || text_of_others(said, token)), "a token is shown");
}

/// Whether the same text stands somewhere else as well.
fn text_of_others(said: &Value, token: &str) -> bool {
    let object = said.as_object().expect("a command is an object");
    object.iter().any(|(key, value)| key != "token" && value.to_string().contains(token))
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn a_command_of_each_kind() {
        command(br#"{"type":"subscribe","channels":["a","b","a"],"token":"a.b.c","ref":"\u0061"}"#);
        command(br#"{"type":"unsubscribe","channel":"a","ref":-1.50}"#);
        command(br#"{"type":"unsubscribe","channel":"a","ref":-1e513}"#);
        command(br#"{"type":"authenticate","token":"0123456789abcdefghij","everybody":false}"#);
        command(br#"{"type":"ping","ref":"0123456789abcdefghij","token":"0123456789abcdefghij"}"#);
        command(br#"{"type":"subscribe","channels":"a","ref":1}"#);
        command(br#"{"type":7,"ref":[]}"#);
        command(b"{\"type\":\"ping\",\"ref\":\"\xff\"}");
    }
}
