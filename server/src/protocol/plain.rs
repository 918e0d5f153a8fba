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

/// The JSON text of the event's name, which has so many bytes, in a text.
pub(super) fn name_of(text: &[u8], name_len: usize) -> &[u8] {
    &text[BEGINNING.len()..BEGINNING.len() + name_len]
}

/// The parts of the text, but for its last brace. `timestamp` is that of the publication.
pub(super) fn parts<'a>(publication: &Publication<'a>, timestamp: &'a str) -> [&'a str; 6] {
    let Publication { name_json, payload_json, .. } = publication;
    [BEGINNING, name_json, r#","payload":"#, payload_json, r#","timestamp":"#, timestamp]
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
}
