//! What clients of the Pusher protocol are told beside events. `data` is a string that holds JSON, but for errors: there
//! Pusher sends an object.

use queue::ChannelName;

use super::event::quoted;
use crate::protocol::frames::encode_text_of;

/// After how many seconds without a message a client asks whether the server is there. Not 0: libraries refuse that.
const ACTIVITY_TIMEOUT_SECS: u32 = 30;

/// Why something is not done, for `pusher:error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// No application has this key.
    UnknownApp = 4001,
    /// A version of the protocol that is not known.
    UnsupportedProtocol = 4007,
    /// The client does not say which version it speaks.
    NoProtocol = 4008,
    /// It may not have this.
    Unauthorized = 4009,
    /// The server is full.
    OverCapacity = 4100,
    /// A client event that it may not send.
    ClientEvent = 4301,
}

/// The first message of a connection.
pub(crate) fn established(socket_id: &str) -> Vec<u8> {
    let data = format!(r#"{{"socket_id":{},"activity_timeout":{ACTIVITY_TIMEOUT_SECS}}}"#, quoted(socket_id));
    told("pusher:connection_established", None, &data)
}

pub(crate) fn pong() -> Vec<u8> {
    told("pusher:pong", None, "{}")
}

/// That a subscription has begun. `members`: who is there, on presence channels, each with what others see of the user.
pub(crate) fn subscribed<'a>(
    channel: &ChannelName,
    members: Option<impl Iterator<Item = (&'a str, Option<&'a str>)>>,
) -> Vec<u8> {
    let data = members.map_or("{}".to_owned(), presence);
    told("pusher_internal:subscription_succeeded", Some(channel.as_str()), &data)
}

fn presence<'a>(members: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let (mut ids, mut hash, mut count) = (String::new(), String::new(), 0);
    for (user, info) in members {
        let separator = if count == 0 { "" } else { "," };
        let user = quoted(user);
        ids.extend([separator, &user]);
        hash.extend([separator, &user, ":", info.unwrap_or("null")]);
        count += 1;
    }
    format!(r#"{{"presence":{{"ids":[{ids}],"hash":{{{hash}}},"count":{count}}}}}"#)
}

/// That a channel has no last event.
pub(crate) fn cache_miss(channel: &ChannelName) -> Vec<u8> {
    let parts = [r#"{"event":"pusher:cache_miss","channel":""#, channel.as_str(), r#""}"#];
    encoded(&parts)
}

/// That a client has no subscription. `channel` is as the client has written it.
pub(crate) fn not_subscribed(channel: &str, kind: &str, error: &str, status: u16) -> Vec<u8> {
    let data = format!(r#"{{"type":{},"error":{},"status":{status}}}"#, quoted(kind), quoted(error));
    told("pusher:subscription_error", Some(channel), &data)
}

pub(crate) fn signed_in(user_data: &str) -> Vec<u8> {
    told("pusher:signin_success", None, &format!(r#"{{"user_data":{}}}"#, quoted(user_data)))
}

/// That somebody has come: with the user's first connection. `info` is JSON.
pub(crate) fn member_added(channel: &ChannelName, user: &str, info: Option<&str>) -> Vec<u8> {
    let user = quoted(user);
    let data = match info {
        Some(info) => format!(r#"{{"user_id":{user},"user_info":{info}}}"#),
        None => format!(r#"{{"user_id":{user}}}"#),
    };
    told("pusher_internal:member_added", Some(channel.as_str()), &data)
}

/// That somebody has gone: with the user's last connection.
pub(crate) fn member_removed(channel: &ChannelName, user: &str) -> Vec<u8> {
    told("pusher_internal:member_removed", Some(channel.as_str()), &format!(r#"{{"user_id":{}}}"#, quoted(user)))
}

/// That something is not done. Without a code it is about one message alone.
pub(crate) fn error(code: Option<ErrorCode>, message: &str) -> Vec<u8> {
    let code = code.map_or("null".to_owned(), |code| (code as u16).to_string());
    encoded(&[r#"{"event":"pusher:error","data":{"code":"#, &code, r#","message":"#, &quoted(message), "}}"])
}

/// A message with data, which is JSON.
fn told(event: &str, channel: Option<&str>, data: &str) -> Vec<u8> {
    let data = quoted(data);
    match channel {
        Some(channel) => {
            encoded(&[r#"{"event":""#, event, r#"","channel":"#, &quoted(channel), r#","data":"#, &data, "}"])
        }
        None => encoded(&[r#"{"event":""#, event, r#"","data":"#, &data, "}"]),
    }
}

fn encoded(parts: &[&str]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_text_of(parts, &mut frame);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frames::header_len;

    fn text(frame: Vec<u8>) -> String {
        String::from_utf8(frame[header_len(&frame)..].to_vec()).expect("a text")
    }

    #[test]
    fn messages_are_those_of_the_protocol() {
        let channel: ChannelName = "presence-a".parse().expect("a name");
        for (frame, expected) in [
            (
                established("1.2"),
                r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"1.2\",\"activity_timeout\":30}"}"#,
            ),
            (pong(), r#"{"event":"pusher:pong","data":"{}"}"#),
            (
                subscribed(&channel, None::<std::iter::Empty<_>>),
                r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{}"}"#,
            ),
            (
                subscribed(&channel, Some([("7", Some("[]")), ("8", None)].into_iter())),
                r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{\"presence\":{\"ids\":[\"7\",\"8\"],\"hash\":{\"7\":[],\"8\":null},\"count\":2}}"}"#,
            ),
            (cache_miss(&channel), r#"{"event":"pusher:cache_miss","channel":"presence-a"}"#),
            (
                not_subscribed("a\"b", "AuthError", "no", 401),
                r#"{"event":"pusher:subscription_error","channel":"a\"b","data":"{\"type\":\"AuthError\",\"error\":\"no\",\"status\":401}"}"#,
            ),
            (
                signed_in(r#"{"id":"1"}"#),
                r#"{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"1\\\"}\"}"}"#,
            ),
            (
                member_added(&channel, "7", Some(r#"{"a":1}"#)),
                r#"{"event":"pusher_internal:member_added","channel":"presence-a","data":"{\"user_id\":\"7\",\"user_info\":{\"a\":1}}"}"#,
            ),
            (
                member_removed(&channel, "7"),
                r#"{"event":"pusher_internal:member_removed","channel":"presence-a","data":"{\"user_id\":\"7\"}"}"#,
            ),
            (
                error(Some(ErrorCode::ClientEvent), "no"),
                r#"{"event":"pusher:error","data":{"code":4301,"message":"no"}}"#,
            ),
            (error(None, "no"), r#"{"event":"pusher:error","data":{"code":null,"message":"no"}}"#),
        ] {
            assert_eq!(text(frame), expected);
        }
    }
}
