//! Frames of WebSocket (RFC 6455, section 5.2), as a server sends them.

use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// A header of the largest frame that a server sends (RFC 6455, section 5.2).
const MAX_HEADER_BYTES: usize = 10;

/// Encodes a text message for one client.
pub fn encode_text(text: &str) -> Vec<u8> {
    encode_frame(OpCode::Data(Data::Text), text.as_bytes())
}

/// Encodes a binary message for one client.
pub fn encode_binary(bytes: &[u8]) -> Vec<u8> {
    encode_frame(OpCode::Data(Data::Binary), bytes)
}

/// Encodes a control frame of tungstenite's making.
pub(super) fn encode_control(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    frame.format(&mut bytes).expect("a Vec takes every write");
    bytes
}

/// Appends a text message that consists of several parts.
pub(super) fn encode_text_of(parts: &[impl AsRef<[u8]>], frames: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.as_ref().len()).sum();
    frames.reserve(length + MAX_HEADER_BYTES);
    encode_header(OpCode::Data(Data::Text), length, frames);
    parts.iter().for_each(|part| frames.extend_from_slice(part.as_ref()));
}

/// Bytes of the header of a frame that a server has encoded (RFC 6455, section 5.2).
pub(crate) fn header_len(frame: &[u8]) -> usize {
    match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

/// Where the first frame ends at or after an offset, of frames that a server has encoded.
pub(crate) fn boundary(frames: &[u8], offset: usize) -> usize {
    let mut end = 0;
    while end < offset {
        let frame = &frames[end..];
        let length = match (frame[1], header_len(frame)) {
            (length, 2) => usize::from(length),
            (_, header) => frame[2..header].iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        end += header_len(frame) + length;
    }
    end
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
    fn headers_grow_with_the_length() {
        for (length, header) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = encode_binary(&vec![0; length]);
            assert_eq!((frame.len(), header_len(&frame)), (length + header, header));
        }
    }

    #[test]
    fn boundaries_are_found_by_the_headers() {
        let frames = [encode_text("a"), encode_text(&"b".repeat(200)), encode_text(&"c".repeat(70_000))].concat();
        let boundaries: Vec<usize> = [0, 1, 3, 4, 207, 208, frames.len()].map(|at| boundary(&frames, at)).into();
        assert_eq!(boundaries, [0, 3, 3, 207, 207, frames.len(), frames.len()]);
    }
}
