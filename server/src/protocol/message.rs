//! What clients receive: the text of an event, and its bytes on the wire, encoded once for all.

use std::time::SystemTime;

use queue::Event;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::application::ClientMessage;

/// A header of the largest frame that a server sends (RFC 6455, section 5.2).
const MAX_HEADER_BYTES: usize = 10;

/// Appends the frame of a text message for an event: `{"event":...,"payload":...,"timestamp":...}`.
pub(crate) fn encode_event(event: &Event, frames: &mut Vec<u8>) {
    encode_parts(event.name_json(), event.payload_json(), event.timestamp(), frames);
}

/// Encodes the frame of an event that did not come through the queue. Both texts are complete JSON.
pub fn encode_broadcast(name_json: &str, payload_json: &str, timestamp: i64) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_parts(name_json, payload_json, timestamp, &mut frame);
    frame
}

/// Encodes the broadcast that a client asks for: a JSON object with an `event` key and perhaps a `payload`. None for
/// any other message.
pub fn encode_relayed(message: &ClientMessage) -> Option<Vec<u8>> {
    let ClientMessage::Text(text) = message else { return None };
    let event = Event::parse(text.as_bytes()).ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some(encode_broadcast(event.name_json(), event.payload_json(), now.as_secs() as i64))
}

/// Encodes a text message for one client.
pub fn encode_text(text: &str) -> Vec<u8> {
    encode_frame(OpCode::Data(Data::Text), text.as_bytes())
}

/// Encodes a binary message for one client.
pub fn encode_binary(bytes: &[u8]) -> Vec<u8> {
    encode_frame(OpCode::Data(Data::Binary), bytes)
}

/// Encodes a control frame of tungstenite's making.
pub(crate) fn encode_control(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("a Vec takes every write");
    bytes
}

fn encode_parts(name_json: &str, payload_json: &str, timestamp: i64, frames: &mut Vec<u8>) {
    let timestamp = timestamp.to_string();
    let parts = [r#"{"event":"#, name_json, r#","payload":"#, payload_json, r#","timestamp":"#, &timestamp, "}"];
    let length: usize = parts.iter().map(|part| part.len()).sum();
    frames.reserve(length + MAX_HEADER_BYTES);
    encode_header(OpCode::Data(Data::Text), length, frames);
    parts.iter().for_each(|part| frames.extend_from_slice(part.as_bytes()));
}

fn encode_frame(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + MAX_HEADER_BYTES);
    encode_header(opcode, payload.len(), &mut frame);
    frame.extend_from_slice(payload);
    frame
}

fn encode_header(opcode: OpCode, length: usize, frames: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(length as u64, frames).expect("a Vec takes every write");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_documented_keys_in_order() {
        let event =
            Event::parse(br#"{"event":"a\/b","payload":{"x":1.0},"timestamp":7,"queued_at":7.5}"#).expect("an event");
        let mut frame = Vec::new();
        encode_event(&event, &mut frame);
        assert_eq!(&frame[..2], [0x81, (frame.len() - 2) as u8]);
        assert_eq!(&frame[2..], br#"{"event":"a\/b","payload":{"x":1.0},"timestamp":7}"#);
    }

    #[test]
    fn headers_grow_with_the_length() {
        for (length, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(encode_binary(&vec![0; length]).len(), length + header);
        }
    }
}
