//! The file of the log: a header, and records behind it. Nothing here is synced unless it says so: what was written
//! stays as long as the system runs, and after the next boot only a log that was closed counts.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::FallocateFlags;

use super::directory::LogDirectory;
use super::header::{HEADER_BYTES, Header};
use super::time::{LogTime, Trimmed};
use crate::publication::Seq;

/// Bytes that are given back to the file system at once.
const PUNCH_BYTES: u64 = 1 << 20;
/// The unit in which a file system gives bytes back.
const BLOCK_BYTES: u64 = 4096;

/// A log that is open for writing.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: File,
    /// As it was last written.
    header: Header,
    /// The records, oldest first.
    places: VecDeque<Place>,
    /// Where the next record begins.
    end: u64,
    /// Bytes before are given back already.
    given_back: u64,
    /// The file system can give back the beginning of a file.
    can_give_back: bool,
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The number of its last event.
    pub(super) last: Seq,
    pub(super) at: LogTime,
    /// Where it ends.
    pub(super) end: u64,
}

/// What is to stay in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The oldest event that is kept for clients. Older ones may go.
    pub(crate) keep_from: Seq,
    /// Up to this one all are acked. Others stay, whatever the other bounds say.
    pub(crate) acked: Seq,
    /// Most bytes of records. The oldest go first, also those that are kept for clients.
    pub(crate) max_bytes: u64,
}

impl LogFile {
    /// Makes the file of a new log, which does not have its name yet.
    pub(super) fn create(directory: &LogDirectory, epoch: u64, boot_id: &str, trimmed: Trimmed) -> io::Result<LogFile> {
        let file = directory.create()?;
        let inode = rustix::fs::fstat(&file)?.st_ino;
        let file = LogFile {
            file: file.into(),
            header: Header::new(epoch, boot_id, inode, trimmed),
            places: VecDeque::new(),
            end: HEADER_BYTES as u64,
            given_back: HEADER_BYTES as u64,
            can_give_back: true,
        };
        file.write_both_copies()?;
        Ok(file)
    }

    /// Takes a log that an earlier process has written. What follows the last record is cut off, and the log is no
    /// longer closed, both also after the power fails.
    pub(super) fn resume(file: OwnedFd, found: Header, boot_id: &str, places: VecDeque<Place>) -> io::Result<LogFile> {
        let end = places.back().map_or(found.start, |place| place.end);
        let file = LogFile {
            file: file.into(),
            given_back: HEADER_BYTES as u64,
            header: found.opened(boot_id, end),
            places,
            end,
            can_give_back: true,
        };
        file.file.set_len(end)?;
        // Both: the older copy may say that it is closed, and later changes are not synced.
        file.write_both_copies()?;
        file.sync()?;
        Ok(file)
    }

    /// Appends a record in one write.
    pub(super) fn append(&mut self, record: &[u8], last: Seq, at: LogTime) -> io::Result<()> {
        write_once(&self.file, record, self.end)?;
        self.end += record.len() as u64;
        self.places.push_back(Place { last, at, end: self.end });
        Ok(())
    }

    /// Writes into the header how far the records are whole.
    pub(super) fn state_end(&mut self) -> io::Result<()> {
        if self.header.end == self.end { Ok(()) } else { self.write_header(self.header.with_end(self.end)) }
    }

    /// Forgets the oldest records beyond the bounds. Returns whether there were any.
    pub(super) fn trim(&mut self, bounds: &Bounds) -> io::Result<bool> {
        let (mut start, mut trimmed, mut records) = (self.header.start, self.header.trimmed(), 0);
        for place in &self.places {
            let is_over = place.last < bounds.keep_from || self.end - start > bounds.max_bytes;
            if place.last > bounds.acked || !is_over {
                break;
            }
            // Those that were not acked when the log was written anew can have numbers from before its beginning.
            trimmed = Trimmed { seq: place.last.max(trimmed.seq), at: place.at.max(trimmed.at) };
            (start, records) = (place.end, records + 1);
        }
        if records == 0 {
            return Ok(false);
        }
        // First the header: until that is written, the records are part of the log.
        self.write_header(self.header.with_start(start, trimmed))?;
        self.places.drain(..records);
        self.give_back();
        Ok(true)
    }

    /// Writes to disk all that was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        #[cfg(test)]
        super::testing::log_synced(&self.file);
        Ok(())
    }

    /// Notes that all was synced.
    pub(super) fn mark_closed(&mut self) -> io::Result<()> {
        self.write_header(self.header.closed())?;
        self.sync()
    }

    /// The number and the time of the last event, or of the last one that was trimmed.
    pub(super) fn last(&self) -> Trimmed {
        let trimmed = self.header.trimmed();
        let last = self.places.back();
        // Those that were not acked when the log was written anew can have numbers from before its beginning.
        last.map_or(trimmed, |last| Trimmed { seq: last.last.max(trimmed.seq), at: last.at.max(trimmed.at) })
    }

    /// Bytes of the records that are part of the log.
    pub(super) fn live_bytes(&self) -> u64 {
        self.end - self.header.start
    }

    /// Bytes of the file that were part of the log, those that were given back too.
    pub(super) fn dead_bytes(&self) -> u64 {
        self.header.start - HEADER_BYTES as u64
    }

    /// Whether those bytes take no space.
    pub(super) fn can_give_back(&self) -> bool {
        self.can_give_back
    }

    /// The same log in a new file, without what is no longer part of it.
    pub(super) fn copy_to(&self, directory: &LogDirectory) -> io::Result<LogFile> {
        let Header { epoch, ref boot_id, start, .. } = self.header;
        let mut new = LogFile::create(directory, epoch, boot_id, self.header.trimmed())?;
        let shift = start - new.end;
        let mut buffer = vec![0; PUNCH_BYTES as usize];
        let mut from = start;
        while from < self.end {
            let bytes = buffer.len().min((self.end - from) as usize);
            self.file.read_exact_at(&mut buffer[..bytes], from)?;
            write_once(&new.file, &buffer[..bytes], from - shift)?;
            from += bytes as u64;
        }
        new.end = self.end - shift;
        new.state_end()?;
        new.places = self.places.iter().map(|place| Place { end: place.end - shift, ..*place }).collect();
        Ok(new)
    }

    fn write_both_copies(&self) -> io::Result<()> {
        let slot = self.header.slot()?;
        write_once(&self.file, &[slot, slot].concat(), 0)
    }

    /// Writes over the older copy of the header.
    fn write_header(&mut self, header: Header) -> io::Result<()> {
        write_once(&self.file, &header.slot()?, header.offset())?;
        self.header = header;
        Ok(())
    }

    /// Gives the blocks before the first record back to the file system, so that they take no space.
    fn give_back(&mut self) {
        let end = self.header.start / BLOCK_BYTES * BLOCK_BYTES;
        if !self.can_give_back || end < self.given_back + PUNCH_BYTES {
            return;
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, self.given_back, end - self.given_back) {
            Ok(()) => self.given_back = end,
            // Not every file system can do it. The log is copied more often then.
            Err(_) => self.can_give_back = false,
        }
    }
}

/// Writes all bytes in one call, or fails.
fn write_once(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    loop {
        match file.write_at(bytes, offset) {
            Ok(written) if written == bytes.len() => return Ok(()),
            // The next write would say why.
            Ok(written) => return Err(short_write(written, bytes.len())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn short_write(written: usize, wanted: usize) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, format!("only {written} of {wanted} bytes could be written"))
}
