//! How a record is read at an offset of a segment: by the consumer, and by those who only look.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;

use crate::record::{BodyCheck, HEAD_BYTES, Head};

/// How long bytes of a producer that still runs may be no record: it may be writing, and on some processors its last
/// bytes are seen late.
pub(crate) const WRITING_TIME: Duration = Duration::from_secs(2);

/// Bytes that are read at once.
pub(super) const CHUNK: usize = 64 * 1024;

/// Reads until the buffer is full, or the file ends. Returns how many bytes there were.
pub(super) fn read_exactly(file: BorrowedFd<'_>, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::io::pread(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}

/// The head of the record that begins at an offset. `None`: no complete head is there. Whether the body is right is not
/// checked.
pub(super) fn head_at(file: BorrowedFd<'_>, offset: u64) -> Result<Option<Head>, Errno> {
    let mut head = [0; HEAD_BYTES];
    let read = read_exactly(file, &mut head, offset)?;
    Ok(Head::parse(&head).filter(|_| read == HEAD_BYTES))
}

/// Reads the body behind the head at an offset into the buffer. Returns whether it is complete and right.
pub(super) fn read_body(file: BorrowedFd<'_>, offset: u64, head: Head, buffer: &mut Vec<u8>) -> Result<bool, Errno> {
    buffer.resize(head.body_bytes, 0);
    let read = read_exactly(file, buffer, offset + HEAD_BYTES as u64)?;
    Ok(read == buffer.len() && head.is_of(buffer))
}

/// Whether the body behind the head at an offset is complete and right. It is read piece by piece, and not kept.
pub(super) fn is_record(file: BorrowedFd<'_>, offset: u64, head: Head, scratch: &mut Vec<u8>) -> Result<bool, Errno> {
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
