//! Finds the next record behind bytes that are none: what a power failure left, or somebody has written.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::reading::{self, CHUNK};
use crate::record::{HEAD_BYTES, MARK};

/// So many times the size of the segment are read for checksums that are wrong. A file of heads with such checksums must
/// not take long. What is behind is left out.
const MAX_CHECKED: u64 = 64;

/// A search in one segment.
pub(super) struct Resync<'a> {
    pub(super) file: BorrowedFd<'a>,
    pub(super) max_body_bytes: u64,
    /// Bytes of the segment whose checksum was found to be wrong so far.
    pub(super) checked: u64,
}

impl Resync<'_> {
    /// The offset of the first complete record that begins at `from` or later, in a file of this size.
    pub(super) fn next_record(&mut self, from: u64, size: u64, scratch: &mut Vec<u8>) -> Result<Option<u64>, Errno> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut begin = from;
        while begin < size {
            chunk.clear();
            match rustix::io::pread(self.file, spare_capacity(&mut chunk), begin) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            for (index, _) in chunk.iter().enumerate().filter(|(_, byte)| **byte == MARK) {
                let offset = begin + index as u64;
                let Some(head) = reading::head_at(self.file, offset)? else { continue };
                let bytes = head.body_bytes as u64;
                if bytes > self.max_body_bytes || offset + HEAD_BYTES as u64 + bytes > size {
                    continue;
                }
                if self.checked > size.saturating_mul(MAX_CHECKED) {
                    return Ok(None);
                }
                if reading::is_record(self.file, offset, head, scratch)? {
                    return Ok(Some(offset));
                }
                self.checked += bytes;
            }
            begin += chunk.len() as u64;
        }
        Ok(None)
    }
}
