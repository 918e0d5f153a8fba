//! Between a client's bytes and the WebSocket library: it gets a frame at most at a time, and what it writes is kept.

use std::io::{self, ErrorKind, Read, Write};

use crate::disconnect::Disconnect;
use crate::protocol::frame_meter::FrameMeter;

/// Pongs that may wait to be sent. Of more, only the last is sent (RFC 6455, section 5.5.3).
const MAX_PONG_BYTES: usize = 1024;

/// Why the library gets no more bytes although there are some.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stopped {
    Throttled,
    Refused(Disconnect),
}

/// Gives the library what was read, a frame at most at a time, and keeps what it wants to write.
pub(super) struct Wire<'a> {
    pub(super) input: &'a [u8],
    pub(super) at_end: bool,
    /// Frames that may still pass.
    pub(super) frames: u32,
    pub(super) meter: &'a mut FrameMeter,
    pub(super) max_message_bytes: usize,
    pub(super) stopped: Option<Stopped>,
    pub(super) answer: &'a mut Vec<u8>,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return if self.at_end { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        if self.frames == 0 && self.meter.is_between_frames() {
            self.stopped = Some(Stopped::Throttled);
            return Err(ErrorKind::WouldBlock.into());
        }
        let piece = &self.input[..self.input.len().min(buffer.len())];
        let taken = self.meter.take(piece, self.max_message_bytes).map_err(|disconnect| {
            self.stopped = Some(Stopped::Refused(disconnect));
            io::Error::from(ErrorKind::InvalidData)
        })?;
        if self.meter.is_between_frames() {
            self.frames -= 1;
        }
        buffer[..taken].copy_from_slice(&piece[..taken]);
        self.input = &self.input[taken..];
        Ok(taken)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The library writes whole frames, and pongs alone before it ends.
        if self.answer.len() + bytes.len() > MAX_PONG_BYTES {
            self.answer.clear();
        }
        self.answer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
