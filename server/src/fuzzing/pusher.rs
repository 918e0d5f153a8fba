//! What clients of the Pusher protocol send.

use serde_json::Value;

use crate::client_message::ClientMessage;
use crate::protocol::frames::header_len;
use crate::protocol::pusher::command::{ClientEvent, Command, Subscribe};
use crate::protocol::pusher::{event, message};
use crate::rights::{PusherApp, PusherUser};

/// Reads a message of a client as the server does, and what it answers.
///
/// # Panics
/// When a command is not what the text says, something unsigned is allowed, or an answer is no JSON.
pub fn pusher_command(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let app: PusherApp = "id=1 key=k secret=s".parse().expect("an application");
    let command = Command::of(&ClientMessage::Text(text.to_owned()));
    let Ok(said) = serde_json::from_str::<Value>(text) else {
        // A number that is too large for this reader is inside data only.
        return;
    };
    match command {
        Ok(Command::Subscribe(Subscribe { channel, auth, channel_data })) => {
            assert_eq!(said["event"], "pusher:subscribe");
            let signed: Vec<&str> = ["1.2", &channel].into_iter().chain(channel_data.as_deref()).collect();
            assert!(auth.is_none_or(|auth| app.check(&auth, &signed).is_err()), "nobody has signed it");
            check(&message::not_subscribed(&channel, "AuthError", "no", 401));
            if let Ok(user) = channel_data.as_deref().map_or(Err(""), PusherUser::of_channel)
                && let Ok(channel) = "presence-a".parse()
            {
                check(&message::member_added(&channel, &user.id, user.info.as_deref()));
                check(&message::member_removed(&channel, &user.id));
            }
        }
        Ok(Command::Signin { auth, user_data }) => {
            assert_eq!(said["event"], "pusher:signin");
            assert!(app.check(&auth, &["1.2", "", "user", "", &user_data]).is_err(), "nobody has signed it");
            check(&message::signed_in(&user_data));
        }
        Ok(Command::ClientEvent(ClientEvent { event: name, channel, data })) => {
            assert!(name.starts_with("client-") && said["event"] == *name && said["channel"] == *channel);
            assert!(!event::is_reserved(&Value::from(name.as_str()).to_string()), "it is the client's own");
            let Ok(channel) = channel.parse() else { return };
            let mut frame = Vec::new();
            event::encode_sent(&name, &channel, data.as_deref(), Some("u"), &mut frame);
            let told = check(&frame);
            match (&told["data"], &said["data"]) {
                (Value::String(text), Value::String(sent)) => assert_eq!(text, sent, "a text is as it was sent"),
                (Value::String(text), sent) => assert_eq!(&serde_json::from_str::<Value>(text).expect("JSON"), sent),
                (told, sent) => assert!(told.is_null() && sent.is_null(), "{told} for {sent}"),
            }
        }
        Ok(Command::Unsubscribe { .. } | Command::Ping | Command::Pong) => {}
        Err(problem) => drop(check(&message::error(None, problem))),
    }
}

/// A frame of the server must be a text message that holds a JSON object.
fn check(frame: &[u8]) -> Value {
    let told: Value = serde_json::from_slice(&frame[header_len(frame)..]).expect("JSON");
    assert!(told["event"].is_string());
    told
}
