//! Files that wait.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use rustix::fs::{AtFlags, Dir};

use super::{Content, Seen};
use crate::directory::file::attempt::is_attempt;
use crate::directory::{FileName, file};
use crate::layout;
use crate::queued_at::QueuedAt;
use crate::reader::DEFAULT_GRACE;

/// Names of files that were given out are kept up to here, and then those of files that are still there.
const MAX_KNOWN: usize = 16_384;

#[derive(Debug)]
pub(super) struct Files {
    max_event_bytes: u64,
    /// Whether entries may still be written while they are read.
    is_following: bool,
    /// Those that are to be given out.
    waiting: BinaryHeap<Reverse<(QueuedAt, FileName)>>,
    /// Those that were found already.
    known: HashSet<FileName>,
    known_limit: usize,
    /// Those that were no events when they were read, and since when.
    incomplete: Vec<(FileName, Instant)>,
    /// Those of them that are to be given out now.
    completed: VecDeque<Seen>,
    buffer: Vec<u8>,
}

impl Files {
    pub(super) fn new(max_event_bytes: u64) -> Files {
        Files {
            max_event_bytes,
            is_following: false,
            waiting: BinaryHeap::new(),
            known: HashSet::new(),
            known_limit: MAX_KNOWN,
            incomplete: Vec::new(),
            completed: VecDeque::new(),
            buffer: Vec::new(),
        }
    }

    pub(super) fn set_following(&mut self) {
        self.is_following = true;
    }

    /// Finds all files of the directory that were not found before.
    pub(super) fn list(&mut self, queue: BorrowedFd<'_>) -> io::Result<()> {
        for found in Dir::read_from(queue)? {
            self.note(queue, OsStr::from_bytes(found?.file_name().to_bytes()));
        }
        Ok(())
    }

    /// Notes a file that is there. One that is no entry by its name is ignored.
    pub(super) fn note(&mut self, queue: BorrowedFd<'_>, name: &OsStr) {
        if !layout::is_entry(name) {
            return;
        }
        let name = FileName::new(name);
        if self.known.contains(&name) {
            return;
        }
        let queued_at = file::queued_at(queue, &name, self.max_event_bytes);
        if self.is_following {
            self.forget_old(queue);
            self.known.insert(name.clone());
        }
        self.waiting.push(Reverse((queued_at, name)));
    }

    /// Reads those again that were no events yet.
    pub(super) fn look_again(&mut self, queue: BorrowedFd<'_>) -> io::Result<()> {
        for (name, since) in std::mem::take(&mut self.incomplete) {
            let queued_at = file::queued_at(queue, &name, self.max_event_bytes);
            let completed = self.read(queue, name, queued_at, since)?;
            self.completed.extend(completed);
        }
        Ok(())
    }

    /// The next of those that were no events at first.
    pub(super) fn take_completed(&mut self) -> Option<Seen> {
        self.completed.pop_front()
    }

    /// When the next one was queued.
    pub(super) fn first(&self) -> Option<QueuedAt> {
        self.waiting.peek().map(|Reverse((queued_at, _))| *queued_at)
    }

    /// Takes the next one. `None`: there is none, it belongs to another program, or it may still be written.
    pub(super) fn take(&mut self, queue: BorrowedFd<'_>) -> io::Result<Option<Seen>> {
        let Some(Reverse((queued_at, name))) = self.waiting.pop() else { return Ok(None) };
        self.read(queue, name, queued_at, Instant::now())
    }

    fn read(
        &mut self,
        queue: BorrowedFd<'_>,
        name: FileName,
        queued_at: QueuedAt,
        since: Instant,
    ) -> io::Result<Option<Seen>> {
        let found = file::read(queue, &name, self.max_event_bytes, &mut self.buffer)?;
        let content = match found.map(|found| found.events) {
            None => Content::Gone,
            Some(Ok(_)) => Content::Events(self.buffer.clone()),
            Some(Err(error)) => {
                if !layout::is_producer_name(name.as_os_str()) && !is_attempt(&name, &self.buffer) {
                    return Ok(None);
                }
                if self.is_following && since.elapsed() < DEFAULT_GRACE {
                    self.incomplete.push((name, since));
                    return Ok(None);
                }
                Content::NoEvent(error)
            }
        };
        Ok(Some(Seen { name: name.into(), queued_at: queued_at.to_system(), content }))
    }

    /// Forgets the names of files that are gone.
    fn forget_old(&mut self, queue: BorrowedFd<'_>) {
        if self.known.len() < self.known_limit {
            return;
        }
        self.known.retain(|name| rustix::fs::statat(queue, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW).is_ok());
        self.known_limit = MAX_KNOWN.max(2 * self.known.len());
    }
}
