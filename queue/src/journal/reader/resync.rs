//! Finds the next record behind bytes that are none: what a power failure left, or somebody has written.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::window::CHUNK;
use crate::record::{BodyCheck, HEAD_BYTES, Head, MARK};

/// So many times the size of the segment are read for checksums that are wrong. A file of heads with such checksums must
/// not take long. What is behind is left out.
const MAX_CHECKED: u64 = 64;

/// A search in one segment.
pub(in crate::journal) struct Resync<'a> {
    pub(in crate::journal) file: BorrowedFd<'a>,
    pub(in crate::journal) max_body_bytes: u64,
    /// Bytes of the segment whose checksum was found to be wrong so far.
    pub(in crate::journal) checked: u64,
}

impl Resync<'_> {
    /// The offset of the first complete record that begins at `from` or later, in a file of this size.
    pub(in crate::journal) fn next_record(
        &mut self,
        from: u64,
        size: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<u64>, Errno> {
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
                let Some(head) = self.head_at(offset)? else { continue };
                let bytes = head.body_bytes as u64;
                if bytes > self.max_body_bytes || offset + HEAD_BYTES as u64 + bytes > size {
                    continue;
                }
                if self.checked > size.saturating_mul(MAX_CHECKED) {
                    return Ok(None);
                }
                if is_record(self.file, offset, head, scratch)? {
                    return Ok(Some(offset));
                }
                self.checked += bytes;
            }
            begin += chunk.len() as u64;
        }
        Ok(None)
    }

    fn head_at(&self, offset: u64) -> Result<Option<Head>, Errno> {
        let mut head = [0; HEAD_BYTES];
        let read = rustix::io::pread(self.file, &mut head, offset)?;
        Ok(Head::parse(&head).filter(|_| read == HEAD_BYTES))
    }
}

/// Whether the body behind a head is there and right.
pub(in crate::journal) fn is_record(
    file: BorrowedFd<'_>,
    offset: u64,
    head: Head,
    scratch: &mut Vec<u8>,
) -> Result<bool, Errno> {
    let mut check = BodyCheck::new(head);
    let (mut at, mut rest) = (offset + HEAD_BYTES as u64, head.body_bytes);
    while rest > 0 {
        scratch.clear();
        scratch.reserve(CHUNK);
        match rustix::io::pread(file, spare_capacity(scratch), at) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let piece = &scratch[..scratch.len().min(rest)];
        check.add(piece);
        (at, rest) = (at + piece.len() as u64, rest - piece.len());
    }
    Ok(check.is_right())
}
