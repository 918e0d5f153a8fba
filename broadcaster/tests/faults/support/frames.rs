//! Frames, written and split by hand: for clients that send what no client should, and for many that must cost little.

use std::io::{self, Read};
use std::net::TcpStream;

/// Opcodes of RFC 6455, section 11.8.
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
/// An empty pong of a client, which answers an empty ping.
pub(crate) const PONG_FRAME: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// A frame of a client whose mask changes nothing.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Splits a frame off: its opcode, its payload and what comes after it. None if it is not all there.
pub(crate) fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    assert!(first & 0xf0 == 0x80 && second < 0x80, "no frame of a server: {first:x} {second:x}");
    let (length, rest) = match second {
        126 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest))?,
        127 => rest.split_first_chunk().map(|(length, rest)| (u64::from_be_bytes(*length) as usize, rest))?,
        length => (usize::from(length), rest),
    };
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((first & 0x0f, payload, rest))
}

/// The code in the payload of a close frame.
pub(crate) fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
}

/// What a client has received and not yet used.
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    has_head: bool,
}

impl Incoming {
    /// Of a connection whose handshake is not answered yet, or is.
    pub(crate) fn new(has_head: bool) -> Incoming {
        Incoming { bytes: Vec::new(), has_head }
    }

    /// Reads once, at most so many bytes, and calls for each frame that is complete. Returns how many bytes it read:
    /// none at the end of the connection.
    pub(crate) fn read(
        &mut self,
        stream: &mut TcpStream,
        most: usize,
        mut each: impl FnMut(u8, &[u8]),
    ) -> io::Result<usize> {
        let mut buffer = [0; 65_536];
        let most = most.min(buffer.len());
        let read = stream.read(&mut buffer[..most])?;
        self.bytes.extend_from_slice(&buffer[..read]);
        if !self.has_head {
            let Some(end) = self.bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(read) };
            self.bytes.drain(..end + 4);
            self.has_head = true;
        }
        let mut rest = self.bytes.as_slice();
        while let Some((opcode, payload, after)) = split(rest) {
            each(opcode, payload);
            rest = after;
        }
        let used = self.bytes.len() - rest.len();
        self.bytes.drain(..used);
        Ok(read)
    }
}
