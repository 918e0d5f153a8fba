//! Looks at the heads of a client's frames as its bytes pass by on their way to the WebSocket library, which counts
//! neither frames nor what it holds of a message that is not complete. Decodes nothing.

use crate::disconnect::Disconnect;

/// Frames that a message may always come in.
const FREE_FRAMES: usize = 128;
/// Beyond these, one frame for so many bytes of the largest message. Smaller pieces cost us more than they carry.
const BYTES_PER_FRAME: usize = 64;
/// The longest head of a client's frame: two bytes, eight of the length, four of the mask (RFC 6455, section 5.2).
const MAX_HEAD_BYTES: usize = 14;

/// Where a client is in its stream of frames.
#[derive(Debug, Default)]
pub(super) struct FrameMeter {
    head: [u8; MAX_HEAD_BYTES],
    /// Bytes of the head that have passed.
    head_len: usize,
    /// The length of the frame whose head is complete.
    payload_len: u64,
    /// What is to come of it.
    payload_left: u64,
    /// Frames of the message that is not complete.
    message_frames: usize,
    /// Payload bytes of those that are complete.
    message_bytes: u64,
    /// The length of the largest frame so far.
    largest_frame: u64,
}

impl FrameMeter {
    /// Takes bytes up to the end of the current frame at most. Returns how many.
    ///
    /// # Errors
    /// Why the client must go, before the byte that says so is passed on.
    pub(super) fn take(&mut self, bytes: &[u8], max_message_bytes: usize) -> Result<usize, Disconnect> {
        let mut taken = 0;
        while !self.has_head() {
            let Some(byte) = bytes.get(taken) else { return Ok(taken) };
            self.head[self.head_len] = *byte;
            self.head_len += 1;
            taken += 1;
            if self.has_head() {
                self.begin_frame(max_message_bytes)?;
            }
        }
        let payload = self.payload_left.min((bytes.len() - taken) as u64);
        self.payload_left -= payload;
        if self.payload_left == 0 {
            self.end_frame();
        }
        Ok(taken + payload as usize)
    }

    /// Whether the next byte begins a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.head_len == 0
    }

    /// Whether nothing is begun, neither a frame nor a message.
    pub(super) fn is_idle(&self) -> bool {
        self.is_between_frames() && self.message_frames == 0
    }

    /// The payload bytes of the largest frame that has begun.
    pub(super) fn largest_frame(&self) -> u64 {
        self.largest_frame
    }

    /// Bytes that are held for a message that is not complete. The library makes room for a frame when it has its head,
    /// and doubles the room for a message as it grows.
    pub(super) fn held_bytes(&self) -> usize {
        let frame = if self.has_head() { self.payload_len } else { 0 };
        usize::try_from(self.message_bytes.saturating_mul(2).saturating_add(frame)).unwrap_or(usize::MAX)
    }

    fn has_head(&self) -> bool {
        self.head_len >= 2 && self.head_len == self.expected_head_len()
    }

    fn expected_head_len(&self) -> usize {
        let length = match self.head[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & 0x80 != 0 { 4 } else { 0 };
        2 + length + mask
    }

    fn begin_frame(&mut self, max_message_bytes: usize) -> Result<(), Disconnect> {
        let [_, second, length @ ..] = &self.head;
        let (length, least) = match second & 0x7f {
            126 => (length.first_chunk().map_or(0, |bytes| u64::from(u16::from_be_bytes(*bytes))), 126),
            127 => (length.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)), 0x1_0000),
            length => (u64::from(length), 0),
        };
        // As few bytes as possible must encode the length, and its highest bit is 0 (RFC 6455, section 5.2); that of a
        // control frame is 125 at most (section 5.5).
        if length < least || length > u64::MAX / 2 || !self.is_data() && length > 125 {
            return Err(Disconnect::Protocol);
        }
        (self.payload_len, self.payload_left) = (length, length);
        self.largest_frame = self.largest_frame.max(length);
        if self.is_data() {
            self.message_frames += 1;
        }
        if self.message_frames > FREE_FRAMES + max_message_bytes / BYTES_PER_FRAME {
            return Err(Disconnect::TooManyFrames);
        }
        Ok(())
    }

    fn end_frame(&mut self) {
        if self.is_data() {
            let is_final = self.head[0] & 0x80 != 0;
            self.message_frames = if is_final { 0 } else { self.message_frames };
            self.message_bytes = if is_final { 0 } else { self.message_bytes.saturating_add(self.payload_len) };
        }
        self.head_len = 0;
        self.payload_len = 0;
    }

    /// Whether the frame belongs to a message. Control frames may come between those of a message.
    fn is_data(&self) -> bool {
        self.head[0] & 0x08 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_MESSAGE_BYTES: usize = 64_000;

    /// Passes all bytes in pieces. Returns the frames that ended.
    fn pass(meter: &mut FrameMeter, bytes: &[u8], piece: usize) -> Result<usize, Disconnect> {
        let mut frames = 0;
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() {
                let taken = meter.take(piece, MAX_MESSAGE_BYTES)?;
                piece = &piece[taken..];
                frames += usize::from(meter.is_between_frames());
            }
        }
        Ok(frames)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let head = match length {
            0..126 => vec![first, 0x80 | length as u8],
            126..0x1_0000 => [&[first, 0x80 | 126][..], &(length as u16).to_be_bytes()].concat(),
            _ => [&[first, 0x80 | 127][..], &(length as u64).to_be_bytes()].concat(),
        };
        [&head[..], &[1, 2, 3, 4], payload].concat()
    }

    #[test]
    fn frames_of_any_length_are_told_apart_in_pieces_of_any_size() {
        let stream: Vec<u8> =
            [0, 1, 125, 126, 65_535, 65_536].iter().flat_map(|len| frame(0x81, &vec![7; *len])).collect();
        for piece in [1, 2, 3, 5, 1024, stream.len()] {
            let mut meter = FrameMeter::default();
            assert_eq!(pass(&mut meter, &stream, piece), Ok(6), "{piece}");
            assert!(meter.is_idle());
        }
    }

    #[test]
    fn an_open_message_is_not_idle_and_counts_what_is_held_of_it() {
        let mut meter = FrameMeter::default();
        pass(&mut meter, &frame(0x01, &[7; 300]), 64).expect("a fragment");
        assert!(meter.is_between_frames() && !meter.is_idle());
        assert_eq!(meter.held_bytes(), 600);
        // A ping between the frames of a message is none of them.
        pass(&mut meter, &frame(0x89, b"hello"), 64).expect("a ping");
        assert_eq!(meter.held_bytes(), 600);
        pass(&mut meter, &frame(0x80, &[7; 200])[..8], 64).expect("the head of the last frame");
        assert_eq!(meter.held_bytes(), 800, "there is room for all of it");
        pass(&mut meter, &frame(0x80, &[7; 200])[8..], 64).expect("its rest");
        assert!(meter.is_idle());
        assert_eq!(meter.held_bytes(), 0);
    }

    #[test]
    fn a_message_comes_in_so_many_frames_and_not_one_more() {
        let most = FREE_FRAMES + MAX_MESSAGE_BYTES / BYTES_PER_FRAME;
        let mut meter = FrameMeter::default();
        for _ in 0..3 {
            pass(&mut meter, &frame(0x01, b""), 64).expect("the first frame");
            for _ in 0..most - 2 {
                pass(&mut meter, &frame(0x00, b""), 64).expect("a frame");
                pass(&mut meter, &frame(0x8a, b""), 64).expect("a pong");
            }
            pass(&mut meter, &frame(0x80, b""), 64).expect("the last frame");
        }
        pass(&mut meter, &frame(0x01, b""), 64).expect("the first frame");
        (1..most).for_each(|_| assert!(pass(&mut meter, &frame(0x00, b""), 64).is_ok()));
        assert_eq!(pass(&mut meter, &frame(0x00, b""), 64), Err(Disconnect::TooManyFrames));
    }

    #[test]
    fn lengths_must_be_written_in_as_few_bytes_as_they_need() {
        let long = |code: u8, length: &[u8]| [&[0x81, 0x80 | code][..], length, &[0; 4]].concat();
        for head in [
            long(126, &125u16.to_be_bytes()),
            long(126, &0u16.to_be_bytes()),
            long(127, &125u64.to_be_bytes()),
            long(127, &65_535u64.to_be_bytes()),
        ] {
            assert_eq!(pass(&mut FrameMeter::default(), &head, 1), Err(Disconnect::Protocol), "{head:?}");
        }
        for head in [long(126, &126u16.to_be_bytes()), long(127, &65_536u64.to_be_bytes())] {
            assert_eq!(pass(&mut FrameMeter::default(), &head, 1), Ok(0), "{head:?}");
        }
    }
}
