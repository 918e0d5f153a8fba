//! The records of a log, read one after the other.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use queue::record::{self, BodyCheck, HEAD_BYTES, Head};

use super::anew::Anew;
use super::event::Kept;
use super::header::{HEADER_BYTES, Header};
use super::time::LogTime;
use crate::publication::Seq;

/// Bytes that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// Reads the records of a file up to its end, or to one that was not written whole.
pub(super) struct Records<'a> {
    file: BufReader<&'a mut File>,
    header: &'a Header,
    size: u64,
    /// Where the next record begins.
    offset: u64,
    /// The number of the last event that was read.
    last: Seq,
    body: Vec<u8>,
}

/// A batch as it is in the log.
pub(super) struct Record {
    pub(super) at: LogTime,
    pub(super) events: Vec<Kept>,
    /// Where it ends.
    pub(super) end: u64,
}

impl<'a> Records<'a> {
    pub(super) fn new(file: &'a mut File, header: &'a Header, size: u64) -> Result<Records<'a>, Anew> {
        // A log that is shorter lost what its header was written after.
        if header.start < HEADER_BYTES as u64 || header.start > size {
            return Err(Anew::Damaged { offset: size });
        }
        let offset = header.start;
        file.seek(SeekFrom::Start(offset))?;
        let file = BufReader::with_capacity(READ_BYTES, file);
        Ok(Records { file, header, size, offset, last: Seq::default(), body: Vec::new() })
    }

    /// The number of the last event that was read. 0: none was.
    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// The next one, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Anew> {
        let left = self.size - self.offset;
        let damaged = Anew::Damaged { offset: self.offset };
        // The header says that there was a record, so clients can have its events.
        let is_missing = self.offset < self.header.end;
        if left == 0 {
            return if is_missing { Err(damaged) } else { Ok(None) };
        }
        let mut bytes = [0; HEAD_BYTES];
        let head_bytes = HEAD_BYTES.min(usize::try_from(left).unwrap_or(HEAD_BYTES));
        self.file.read_exact(&mut bytes[..head_bytes])?;
        let head = Head::parse(&bytes).filter(|_| head_bytes == HEAD_BYTES);
        let Some(head) = head.filter(|head| head.body_bytes as u64 <= left - HEAD_BYTES as u64) else {
            // Nobody has the events of a record whose writer was killed. In a log that was closed there is none.
            let is_torn = !is_missing
                && !self.header.is_closed()
                && record::is_torn(&bytes[..head_bytes])
                && self.holds_body_only(left - head_bytes as u64)?;
            return if is_torn { Ok(None) } else { Err(damaged) };
        };
        if head.body_bytes > READ_BYTES && !self.is_followed_by_its_body(head)? {
            return Err(damaged);
        }
        self.body.resize(head.body_bytes, 0);
        self.file.read_exact(&mut self.body)?;
        if !head.is_of(&self.body) {
            return Err(damaged);
        }
        let at = LogTime(head.time);
        let events = Kept::read_all(&self.body, at).ok_or_else(|| damaged.clone())?;
        for event in &events {
            if !follows(event.seq, self.last, self.header.trimmed().seq) {
                return Err(damaged);
            }
            self.last = event.seq;
        }
        self.offset += (HEAD_BYTES + self.body.len()) as u64;
        Ok(Some(Record { at, events, end: self.offset }))
    }
}

impl Records<'_> {
    /// Whether the next bytes, which are all of the file, can be of one body. A damaged file may be of any size, so
    /// they are not held.
    fn holds_body_only(&mut self, bytes: u64) -> io::Result<bool> {
        let mut is_body = true;
        self.read_pieces(bytes, |piece| {
            is_body = record::is_of_a_body(piece);
            is_body
        })?;
        Ok(is_body)
    }

    /// Whether a head is that of the next bytes, without holding them. Afterwards they are read again.
    fn is_followed_by_its_body(&mut self, head: Head) -> io::Result<bool> {
        let mut check = BodyCheck::new(head);
        self.read_pieces(head.body_bytes as u64, |piece| {
            check.add(piece);
            true
        })?;
        self.file.seek(SeekFrom::Start(self.offset + HEAD_BYTES as u64))?;
        Ok(check.is_right())
    }

    /// Reads so many bytes, as long as `take` wants more.
    fn read_pieces(&mut self, bytes: u64, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let piece = self.file.fill_buf()?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
            let (read, wants_more) = (piece.len(), take(piece));
            self.file.consume(read);
            if !wants_more {
                break;
            }
            left -= read as u64;
        }
        Ok(())
    }
}

/// Whether a number can come after another one. Those from before the log's beginning have holes between them: they are
/// only of events that were not acked.
fn follows(seq: Seq, last: Seq, trimmed: Seq) -> bool {
    if seq > trimmed { seq == last.max(trimmed).plus(1) } else { seq > last }
}
