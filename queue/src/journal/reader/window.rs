//! The bytes of a segment that were read and not yet given out.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use crate::journal::reading::CHUNK;

/// Counts rounds of the reader: a record may go if it was visible in an earlier round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Round(pub(super) u64);

#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// Where in the segment they begin.
    begin: u64,
    /// When bytes were last read.
    filled_in: Round,
    /// Where the bytes end that were read before that round.
    filled_before: u64,
}

impl Window {
    /// The bytes from an offset on.
    pub(super) fn from(&self, offset: u64) -> &[u8] {
        let skipped = usize::try_from(offset.saturating_sub(self.begin)).unwrap_or(usize::MAX);
        self.bytes.get(skipped..).unwrap_or_default()
    }

    /// Reads more, until there are so many bytes from the offset on, or no more in the file. Read first into `scratch`,
    /// because most looks find nothing.
    pub(super) fn fill(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        least: usize,
        round: Round,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Errno> {
        while self.from(offset).len() < least {
            let end = offset + self.from(offset).len() as u64;
            scratch.clear();
            scratch.reserve(CHUNK.max(least - self.from(offset).len()));
            let read = match rustix::io::pread(file, spare_capacity(scratch), end) {
                Err(Errno::INTR) => continue,
                read => read?,
            };
            if read == 0 {
                break;
            }
            self.drop_before(offset);
            if self.filled_in != round {
                self.filled_before = end;
                self.filled_in = round;
            }
            self.bytes.extend_from_slice(scratch);
        }
        Ok(())
    }

    /// Whether the bytes before this offset were read before the round.
    pub(super) fn is_seen(&self, end: u64, round: Round) -> bool {
        self.filled_in < round || end <= self.filled_before
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Gives back the memory. What was not given out is read again.
    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
    }

    fn drop_before(&mut self, offset: u64) {
        let given_out = self.bytes.len() - self.from(offset).len();
        self.bytes.drain(..given_out);
        self.begin = offset;
    }
}
