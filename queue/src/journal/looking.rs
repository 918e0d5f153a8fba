//! The journal as somebody sees it who does not own it: which segments there are, how far they are acked, and the
//! records in them. Changes nothing, and takes no lock: a producer that is about to lock its segment must get it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::positions::Positions;
use super::resync::{Resync, Search};
use super::{SegmentName, reading};
use crate::descriptor::{DIRECTORY, UNTRUSTED_FILE, clear_of_standard};
use crate::layout;
use crate::queued_at::QueuedAt;
use crate::record::HEAD_BYTES;

/// The folder of the segments, and what the consumer has acked of them.
#[derive(Debug)]
pub(crate) struct JournalFolder {
    folder: OwnedFd,
    positions: HashMap<SegmentName, u64>,
}

impl JournalFolder {
    /// Opens the journal of a queue directory. `None`: it has none.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn open(queue: BorrowedFd<'_>) -> io::Result<Option<JournalFolder>> {
        let folder = match rustix::fs::openat(queue, layout::JOURNAL, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => clear_of_standard(folder),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        // Not everybody may read them who may read the segments. Then what was acked is taken to wait.
        let positions = Positions::read(queue).unwrap_or_default();
        Ok(Some(JournalFolder { folder, positions }))
    }

    /// The names of the segments, the oldest first.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn names(&self) -> io::Result<Vec<SegmentName>> {
        let mut names = SegmentName::all_in(self.folder.as_fd())?;
        names.sort_unstable();
        Ok(names)
    }

    /// All records before this are acked.
    pub(crate) fn position(&self, name: SegmentName) -> u64 {
        self.positions.get(&name).copied().unwrap_or(0)
    }

    /// Size, owner and mode of a segment. `None`: it is gone, or no regular file.
    pub(crate) fn stat(&self, name: SegmentName) -> Option<Stat> {
        let stat = rustix::fs::statat(&self.folder, name.to_file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat)
    }

    /// Opens a segment, to go through its records from an offset on. `None`: it is gone, or no regular file.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn walk(&self, name: SegmentName, from: u64, max_event_bytes: u64) -> Result<Option<Walk>, Errno> {
        let file = match rustix::fs::openat(&self.folder, name.to_file_name(), UNTRUSTED_FILE, Mode::empty()) {
            Ok(file) => clear_of_standard(file),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(None),
            Err(errno) => return Err(errno),
        };
        let is_file = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) == FileType::RegularFile;
        Ok(is_file.then_some(Walk { file, next: from, max_event_bytes, search: Search::default() }))
    }
}

impl AsFd for JournalFolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// Whether the consumer of a queue directory can read how far it has acked the segments.
pub(crate) fn check_positions(queue: BorrowedFd<'_>) -> io::Result<()> {
    Positions::read(queue).map(drop)
}

/// Goes through the records of one segment.
#[derive(Debug)]
pub(crate) struct Walk {
    file: OwnedFd,
    next: u64,
    max_event_bytes: u64,
    /// The search behind bytes that are no record.
    search: Search,
}

/// What stands next in a segment.
#[derive(Debug)]
pub(crate) enum Step {
    /// A record. Its body is in the buffer, unless it is larger than an event may be.
    Record {
        /// Where it begins.
        offset: u64,
        queued_at: QueuedAt,
        body_bytes: u64,
        is_too_large: bool,
    },
    /// So many bytes are no records, and there is a record behind them.
    Damage(u64),
    /// No more records. What follows is none, or not complete yet.
    End,
}

impl Walk {
    /// Where the next record begins.
    pub(crate) fn next_offset(&self) -> u64 {
        self.next
    }

    /// Whether the file has lost its name: nobody appends to it any more.
    pub(crate) fn is_deleted(&self) -> bool {
        rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Whether there are bytes that were not read.
    pub(crate) fn has_rest(&self) -> bool {
        rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_size.unsigned_abs() > self.next)
    }

    /// When the next record was queued. `None`: there is none yet.
    pub(crate) fn next_time(&self) -> Option<QueuedAt> {
        reading::head_at(self.file.as_fd(), self.next).ok().flatten().map(|head| QueuedAt::from_nanos(head.time))
    }

    /// Goes to the next record, also over bytes that are none.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn step(&mut self, buffer: &mut Vec<u8>) -> Result<Step, Errno> {
        let step = self.step_in_order(buffer)?;
        if matches!(step, Step::End) { self.leave_out(buffer) } else { Ok(step) }
    }

    /// The same without going over bytes that are no record: they may be one that is being written.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn step_in_order(&mut self, buffer: &mut Vec<u8>) -> Result<Step, Errno> {
        buffer.clear();
        let Some(head) = reading::head_at(self.file.as_fd(), self.next)? else { return Ok(Step::End) };
        let (offset, body_bytes) = (self.next, head.body_bytes as u64);
        let is_too_large = body_bytes > self.max_event_bytes;
        let is_there = if is_too_large {
            reading::is_record(self.file.as_fd(), offset, head, buffer)?
        } else {
            reading::read_body(self.file.as_fd(), offset, head, buffer)?
        };
        if !is_there {
            return Ok(Step::End);
        }
        self.next += HEAD_BYTES as u64 + body_bytes;
        Ok(Step::Record { offset, queued_at: QueuedAt::from_nanos(head.time), body_bytes, is_too_large })
    }

    /// Looks for a record behind bytes that are none.
    fn leave_out(&mut self, buffer: &mut Vec<u8>) -> Result<Step, Errno> {
        let size = rustix::fs::fstat(&self.file)?.st_size.unsigned_abs();
        if size <= self.next {
            return Ok(Step::End);
        }
        let mut resync = Resync { file: self.file.as_fd(), max_body_bytes: self.max_event_bytes };
        self.search.begin(self.next + 1);
        let mut found = resync.next_record(&mut self.search, size, buffer)?;
        while self.search.is_unfinished {
            found = resync.next_record(&mut self.search, size, buffer)?;
        }
        let Some(found) = found else { return Ok(Step::End) };
        let bytes = found - self.next;
        self.next = found;
        Ok(Step::Damage(bytes))
    }
}
