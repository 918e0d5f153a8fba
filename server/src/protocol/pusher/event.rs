//! Events as clients of the Pusher protocol get them: `{"event":...,"channel":...,"data":"..."}`. The payload's text is a
//! JSON string in them, because most libraries take `data` for one.

use std::borrow::Cow;

use queue::ChannelName;
use serde::de::IgnoredAny;

use crate::protocol::frames::encode_text_of;
use crate::protocol::{Written, plain};

/// Beginnings of names of events that only the server may use.
const RESERVED: [&str; 2] = ["pusher:", "pusher_internal:"];

/// Whether an event's name is one that only the server may use.
pub(crate) fn is_reserved_name(name: &str) -> bool {
    RESERVED.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether an event's name, as JSON text, is one that only the server may use. One that cannot be read counts as such.
pub(crate) fn is_reserved(name_json: &str) -> bool {
    if name_json.contains('\\') {
        return serde_json::from_str::<String>(name_json).map_or(true, |name| is_reserved_name(&name));
    }
    is_reserved_name(name_json.trim_start_matches('"'))
}

/// Whether a publication is one that these clients do not get: its name is for the server alone.
pub(crate) fn is_left_out(written: Written<'_>) -> bool {
    str::from_utf8(plain::name_of(written.text, written.name_len)).map_or(true, is_reserved)
}

/// Appends the frame of a publication, as `channel` brings it. None: it is for everybody.
pub(crate) fn encode(written: Written<'_>, channel: Option<&ChannelName>, frames: &mut Vec<u8>) {
    // The text is of our making, so it has these parts.
    let Some((name, payload, _)) = plain::read_parts(written.text, written.name_len) else { return };
    encode_parts(name, channel, Some(&data(payload)), None, frames);
}

/// Appends the frame of an event that a client sends. A text goes out as it was sent: it may hold JSON already, as it
/// does with most libraries. `user`: who has sent it, on presence channels.
pub(crate) fn encode_sent(
    name: &str,
    channel: &ChannelName,
    data: Option<&str>,
    user: Option<&str>,
    frames: &mut Vec<u8>,
) {
    let data = data.map(|data| if data.starts_with('"') { Cow::Borrowed(data) } else { Cow::Owned(quoted(data)) });
    encode_parts(&quoted(name), Some(channel), data.as_deref(), user, frames);
}

/// Appends the frame of an event, whose parts are JSON texts but for the user.
fn encode_parts(
    name_json: &str,
    channel: Option<&ChannelName>,
    data: Option<&str>,
    user: Option<&str>,
    frames: &mut Vec<u8>,
) {
    let user = user.map(quoted);
    let mut parts = vec![r#"{"event":"#, name_json];
    if let Some(channel) = channel {
        // Names of channels have nothing that JSON escapes.
        parts.extend([r#","channel":""#, channel.as_str(), "\""]);
    }
    if let Some(data) = data {
        parts.extend([r#","data":"#, data]);
    }
    if let Some(user) = &user {
        parts.extend([r#","user_id":"#, user]);
    }
    parts.push("}");
    encode_text_of(&parts, frames);
}

/// The JSON text of `data`: a string that holds the payload's text. A payload that is a string goes out as it is, unless
/// what it says is JSON: libraries would read that as another value.
fn data(payload: &str) -> Cow<'_, str> {
    let is_bare = payload.starts_with('"')
        && serde_json::from_str::<String>(payload).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(&text).is_err());
    if is_bare { Cow::Borrowed(payload) } else { Cow::Owned(quoted(payload)) }
}

/// What a client has sent as `data`, as a text: a string says itself, everything else is its JSON text.
pub(crate) fn content_of_data(payload: &str) -> String {
    serde_json::from_str(payload).unwrap_or_else(|_| payload.to_owned())
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::frames::header_len;
    use crate::protocol::native;
    use crate::publication::Publication;

    fn encoded(name: &str, payload: &str, channel: Option<&str>) -> String {
        let mut text = Vec::new();
        native::write_text(&Publication::to_everybody(name, payload, 7), &mut text);
        let (written, mut frame) = (Written { text: &text, name_len: name.len() }, Vec::new());
        encode(written, channel.map(|name| name.parse().expect("a name")).as_ref(), &mut frame);
        String::from_utf8(frame.split_off(header_len(&frame))).expect("a text")
    }

    #[test]
    fn a_payload_is_a_string_that_holds_its_text() {
        let of = |payload| encoded("\"a\\/b\"", payload, Some("orders"));
        assert_eq!(
            of(r#"{"a":1.0,"b":"é"}"#),
            r#"{"event":"a\/b","channel":"orders","data":"{\"a\":1.0,\"b\":\"é\"}"}"#
        );
        assert_eq!(of("null"), r#"{"event":"a\/b","channel":"orders","data":"null"}"#);
        assert_eq!(encoded("\"a\"", "[1]", None), r#"{"event":"a","data":"[1]"}"#);
    }

    #[test]
    fn what_a_library_reads_is_what_was_published() {
        // pusher-js reads `data` as JSON, and takes it as a text if it is none.
        for payload in [r#""hello""#, r#""5""#, r#""{\"a\":1}""#, r#""\"x\"""#, r#""""#, "5", "{}", r#""tr\u00fce""#] {
            let message: serde_json::Value = serde_json::from_str(&encoded("\"a\"", payload, None)).expect("JSON");
            let data = message["data"].as_str().expect("a string");
            let read = serde_json::from_str(data).unwrap_or_else(|_| serde_json::Value::from(data));
            assert_eq!(read, serde_json::from_str::<serde_json::Value>(payload).expect("JSON"), "{payload}");
        }
        assert_eq!(encoded("\"a\"", r#""hello""#, None), r#"{"event":"a","data":"hello"}"#);
    }

    #[test]
    fn names_of_the_server_are_known_however_they_are_written() {
        for name in [r#""pusher:a""#, r#""pusher_internal:member_added""#, r#""\u0070usher:a""#, r#""\ud800""#] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [r#""pusher""#, r#""a pusher:""#, r#""client-a""#, r#""a\/b""#, r#""Pusher:a""#] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
