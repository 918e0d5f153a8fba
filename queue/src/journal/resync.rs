//! Finds the next record behind bytes that are none: what a power failure left, or somebody has written.

use std::os::fd::BorrowedFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use super::reading::{self, CHUNK};
use crate::record::{HEAD_BYTES, MARK};

/// So many times the size of the segment are read for checksums that are wrong. A file of heads with such checksums must
/// not take long. What is behind is left out.
const MAX_CHECKED: u64 = 64;
/// So many bytes are read at a time. The search goes on when others had their turn.
const MAX_READ: u64 = 8 * 1024 * 1024;

/// A search in one segment.
pub(super) struct Resync<'a> {
    pub(super) file: BorrowedFd<'a>,
    pub(super) max_body_bytes: u64,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Search {
    /// Before this there is no complete record.
    at: u64,
    /// Where the first record may begin whose end is not there yet.
    cut: Option<u64>,
    /// Bytes of the segment whose checksum was found to be wrong so far.
    pub(super) checked: u64,
    /// It is not at its end.
    pub(super) is_unfinished: bool,
}

impl Search {
    /// Begins a search at an offset.
    pub(super) fn begin(&mut self, from: u64) {
        (self.at, self.cut, self.is_unfinished) = (from, None, false);
    }
}

impl Resync<'_> {
    /// The offset of the next complete record in a file of this size. `None`: there is none, or the search is
    /// unfinished. A search that was at its end goes on in a file that has grown.
    pub(super) fn next_record(
        &mut self,
        search: &mut Search,
        size: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<u64>, Errno> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut left = MAX_READ;
        if !search.is_unfinished
            && let Some(cut) = search.cut.take()
        {
            search.at = cut;
        }
        search.is_unfinished = false;
        while search.at < size {
            if left == 0 {
                search.is_unfinished = true;
                return Ok(None);
            }
            chunk.clear();
            match rustix::io::pread(self.file, spare_capacity(&mut chunk), search.at) {
                Ok(0) => break,
                Ok(read) => left = left.saturating_sub(read as u64),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            for (index, _) in chunk.iter().enumerate().filter(|(_, byte)| **byte == MARK) {
                let offset = search.at + index as u64;
                let is_cut = match reading::head_at(self.file, offset)? {
                    None if offset + HEAD_BYTES as u64 <= size => continue,
                    None => true,
                    Some(head) if head.body_bytes as u64 > self.max_body_bytes => continue,
                    Some(head) if offset + (HEAD_BYTES + head.body_bytes) as u64 > size => true,
                    Some(_) if search.checked > size.saturating_mul(MAX_CHECKED) => return Ok(None),
                    Some(head) if reading::is_record(self.file, offset, head, scratch)? => return Ok(Some(offset)),
                    Some(head) => {
                        search.checked += head.body_bytes as u64;
                        left = left.saturating_sub(head.body_bytes as u64);
                        false
                    }
                };
                if is_cut {
                    search.cut.get_or_insert(offset);
                }
            }
            search.at += chunk.len() as u64;
        }
        Ok(None)
    }
}
