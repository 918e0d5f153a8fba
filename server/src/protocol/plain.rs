//! The messages of the pure-PHP server: `{"event":...,"payload":...,"timestamp":...}`, and what a client sends to be
//! relayed.

use queue::Event;

use crate::client_message::ClientMessage;
use crate::protocol::frames::encode_text_of;
use crate::publication::Publication;

/// Appends the frame of a text message.
pub(crate) fn encode(publication: &Publication<'_>, frames: &mut Vec<u8>) {
    let timestamp = publication.timestamp.to_string();
    let [event, name, payload, text, then, timestamp] = parts(publication, &timestamp);
    encode_text_of(&[event, name, payload, text, then, timestamp, "}"], frames);
}

/// What a text begins with, before the event's name.
const BEGINNING: &str = r#"{"event":"#;
/// What follows the name, and the payload.
const PAYLOAD: &str = r#","payload":"#;
const TIMESTAMP: &str = r#","timestamp":"#;

/// The JSON text of the event's name, which has so many bytes, in a text.
pub(super) fn name_of(text: &[u8], name_len: usize) -> &[u8] {
    &text[BEGINNING.len()..BEGINNING.len() + name_len]
}

/// The name, the payload and the timestamp in a text whose name has so many bytes. `None`: it is not of ours.
pub(crate) fn read_parts(text: &[u8], name_len: usize) -> Option<(&str, &str, i64)> {
    let text = str::from_utf8(text).ok()?;
    let (name, rest) = text.strip_prefix(BEGINNING)?.split_at_checked(name_len)?;
    let (payload, timestamp) = rest.strip_prefix(PAYLOAD)?.rsplit_once(TIMESTAMP)?;
    Some((name, payload, timestamp.parse().ok()?))
}

/// The parts of the text, but for its last brace. `timestamp` is that of the publication.
pub(super) fn parts<'a>(publication: &Publication<'a>, timestamp: &'a str) -> [&'a str; 6] {
    let Publication { name_json, payload_json, .. } = publication;
    [BEGINNING, name_json, PAYLOAD, payload_json, TIMESTAMP, timestamp]
}

/// The event that a client wants to be relayed to all: a JSON object with an `event` key and perhaps a `payload`. None
/// for any other message.
pub fn relayed_event(message: &ClientMessage) -> Option<Event> {
    let ClientMessage::Text(text) = message else { return None };
    Event::parse(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_documented_keys_in_order() {
        let event =
            Event::parse(br#"{"event":"a\/b","payload":{"x":1.0},"timestamp":7,"queued_at":7.5}"#).expect("an event");
        let mut frame = Vec::new();
        encode(&Publication::of(&event), &mut frame);
        assert_eq!(&frame[..2], [0x81, (frame.len() - 2) as u8]);
        assert_eq!(&frame[2..], br#"{"event":"a\/b","payload":{"x":1.0},"timestamp":7}"#);
    }

    #[test]
    fn the_parts_of_a_text_are_found_again() {
        let text = br#"{"event":"a,\"payload\":","payload":"x\",\"timestamp\":1,\"timestamp\":","timestamp":-7"#;
        let name = r#""a,\"payload\":""#;
        let payload = r#""x\",\"timestamp\":1,\"timestamp\":""#;
        assert_eq!(read_parts(text, name.len()), Some((name, payload, -7)));
        assert_eq!(read_parts(text, name.len() - 1), None);
    }
}
