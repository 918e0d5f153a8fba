//! Splits what a server sends into WebSocket frames. It does as little work as possible: the load must not be the
//! limit.

/// A frame at the beginning of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) header_bytes: usize,
    payload_bytes: usize,
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;

impl Frame {
    pub(crate) fn bytes(self) -> usize {
        self.header_bytes + self.payload_bytes
    }
}

/// The frame that the buffer begins with, if all of it is there.
pub(crate) fn first(buffer: &[u8]) -> Option<Frame> {
    let [start, short, ..] = *buffer else { return None };
    // A server never sets the mask bit, and we use no reserved bits.
    let (header_bytes, payload_bytes) = match short & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    let frame = Frame { opcode: start & 0x0f, header_bytes, payload_bytes };
    (buffer.len() >= frame.bytes()).then_some(frame)
}

/// A text frame as a client sends it, masked with zeros, and where its text begins.
pub(crate) fn encode_client_text(text: &[u8]) -> (Vec<u8>, usize) {
    let mut frame = Vec::new();
    encode_text(text, &mut frame);
    frame[1] |= 0x80;
    let header_bytes = frame.len() - text.len();
    frame.splice(header_bytes..header_bytes, [0; 4]);
    (frame, header_bytes + 4)
}

/// Appends an unmasked text frame, as a server sends it.
pub(crate) fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | TEXT);
    match text.len() {
        length @ 0..=125 => out.push(length as u8),
        length @ 126..=65_535 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_frame_is_a_server_s_with_a_mask() {
        for length in [100, 1000] {
            let text = vec![b'x'; length];
            let (mut frame, begin) = encode_client_text(&text);
            assert_eq!(frame[begin..], text);
            frame.drain(begin - 4..begin);
            frame[1] &= 0x7f;
            assert_eq!(first(&frame).map(Frame::bytes), Some(frame.len()));
        }
    }

    #[test]
    fn frames_of_every_length_are_found_when_complete() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let mut bytes = Vec::new();
            encode_text(&vec![b'x'; length], &mut bytes);
            let frame = first(&bytes).expect("a frame");
            assert_eq!((frame.opcode, frame.payload_bytes, frame.bytes()), (TEXT, length, bytes.len()));
            assert_eq!(first(&bytes[..bytes.len() - 1]), None);
        }
    }
}
