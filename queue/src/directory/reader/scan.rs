//! Finding the next entries: by a listing of the directory, or by reports of what has appeared.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use super::Reader;
use super::clock::Clock;
use super::index::Indexed;
use crate::directory::entry::{Entry, FileName};
use crate::directory::file::{self, Found, Stamp};
use crate::error::ScanError;
use crate::event::Event;
use crate::layout;

/// A producer needs milliseconds between creating its temporary file and renaming it.
const TEMPORARY_AGE: Duration = Duration::from_secs(15 * 60);
/// A message has keys that a short entry may lack.
const MESSAGE_OVERHEAD: u64 = 64;

impl Reader {
    /// Lists the directory if everything that was found before is scanned, and returns the next entries: at most
    /// `max_entries`, and no more once their messages have reached `max_bytes`. Empty means that none waits.
    ///
    /// Entries of one priority come in the order of queueing. Of each 13, 8 may be of the high priority, 4 of the
    /// normal one and 1 of the low one.
    ///
    /// Each must be [acked](Self::ack) or [rejected](Self::reject); until then it is not returned again. A file that
    /// does not parse yet is left for a later scan until its grace period is over.
    ///
    /// # Errors
    /// When the directory or a file in it cannot be read. Nothing is lost: a later scan begins where this one ended.
    pub fn scan(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        self.lose_track();
        self.scan_followed(max_entries, max_bytes)
    }

    /// The same for a caller that [follows](Self::follow) the directory: lists it only if that is needed.
    ///
    /// # Errors
    /// Those of [`scan`](Self::scan).
    pub fn scan_followed(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        if self.index.needs_listing() {
            self.list()?;
            if self.index.has_only_unsettled() {
                self.list()?;
            }
        }
        self.take(max_entries, max_bytes)
    }

    /// Notes a file that has appeared or was completed, so that no listing is needed to find it.
    ///
    /// Every such file has to be reported, in the order in which they appear, beginning before the first scan. A caller
    /// that missed some calls [`lose_track`](Self::lose_track) before it goes on.
    pub fn follow(&mut self, file: &OsStr) {
        if !layout::is_entry(file) {
            return;
        }
        let name = FileName::new(file);
        if !self.index.takes_report(&name) {
            return;
        }
        self.index.settle(&name);
        // If that name is used again, the ack finds it out.
        if !self.outstanding.contains_key(&name) {
            self.index(name);
        }
    }

    /// Notes that files may have appeared that were not reported: the directory is listed before anything newer is
    /// read.
    pub fn lose_track(&mut self) {
        self.index.lose_track();
    }

    /// Reads an entry by its name. It is outstanding then, as one that a scan has returned. `None`: there is no such
    /// entry, or it is not complete, or no event, or another one than was read under this name before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look_up(&mut self, name: &FileName) -> Result<Option<Vec<Event>>, ScanError> {
        let (directory, limit) = (self.ownership.directory(), self.options.max_event_bytes);
        match file::read(directory, name, limit, &mut self.buffer) {
            Ok(Some(Found { stamp, events: Ok(events) })) => {
                let is_the_same = self.outstanding.get(name).is_none_or(|before| *before == stamp);
                if is_the_same {
                    self.outstanding.insert(name.clone(), stamp);
                }
                Ok(is_the_same.then_some(events))
            }
            Ok(Some(Found { events: Err(_), .. }) | None) => Ok(None),
            Err(errno) => Err(ScanError { path: self.path.join(name.as_os_str()), cause: errno.into() }),
        }
    }

    /// Lets an entry that was [looked up](Self::look_up) be found by the next listing, as if it had never been read.
    pub fn put_back(&mut self, name: &FileName) {
        self.outstanding.remove(name);
        self.lose_track();
    }

    /// Adds an entry to those that are to be read.
    pub(super) fn index(&mut self, name: FileName) {
        let queued_at = file::queued_at(self.ownership.directory(), &name, self.options.max_event_bytes);
        self.index.insert(Indexed { queued_at, name });
    }

    fn list(&mut self) -> Result<(), ScanError> {
        let unreadable = |errno: Errno| ScanError { path: self.path.clone(), cause: errno.into() };
        let (directory, now) = (self.ownership.directory(), Instant::now());
        let mut listing = self.index.begin_listing();
        self.left_files.begin_listing();
        for file in Dir::read_from(directory).map_err(unreadable)? {
            let file = file.map_err(unreadable)?;
            let name = OsStr::from_bytes(file.file_name().to_bytes());
            if layout::is_temporary(name) {
                sweep(directory, name, &self.clock);
            }
            if !layout::is_entry(name) {
                continue;
            }
            let name = FileName::new(name);
            let stamp = || Stamp::of(directory, &name);
            if self.outstanding.contains_key(&name) || self.left_files.is_left(&name, now, stamp) {
                continue;
            }
            let queued_at = file::queued_at(directory, &name, self.options.max_event_bytes);
            self.index.add(&mut listing, Indexed { queued_at, name });
        }
        self.left_files.end_listing();
        self.index.end_listing(listing);
        Ok(())
    }

    /// Reads the next entries of the index.
    fn take(&mut self, max_entries: usize, max_bytes: u64) -> Result<Vec<Entry>, ScanError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while entries.len() < max_entries && bytes < max_bytes {
            let Some(indexed) = self.index.take_next() else { break };
            // A file of another producer that was reported twice can be in the index with two times.
            if self.outstanding.contains_key(&indexed.name) {
                continue;
            }
            let (directory, limit) = (self.ownership.directory(), self.options.max_event_bytes);
            match file::read(directory, &indexed.name, limit, &mut self.buffer) {
                Ok(None) => {}
                Ok(Some(Found { stamp, events })) => {
                    let name = indexed.name;
                    if events.as_ref().is_err_and(|error| self.left_files.leave(&name, stamp, error, &self.buffer)) {
                        continue;
                    }
                    bytes += message_bytes(self.buffer.len(), events.as_deref().unwrap_or_default());
                    self.outstanding.insert(name.clone(), stamp);
                    entries.push(Entry { name, events });
                }
                Err(errno) => {
                    let path = self.path.join(indexed.name.as_os_str());
                    self.index.insert(indexed);
                    if entries.is_empty() {
                        return Err(ScanError { path, cause: errno.into() });
                    }
                    break;
                }
            }
        }
        Ok(entries)
    }
}

/// About how many bytes the messages of an entry have: one for each channel of an event.
fn message_bytes(entry_bytes: usize, events: &[Event]) -> u64 {
    let channels = events.iter().filter_map(Event::channels).map(<[_]>::len).max().unwrap_or(1);
    (entry_bytes as u64 + MESSAGE_OVERHEAD * events.len().max(1) as u64) * channels as u64
}

/// Deletes a temporary file of a producer that ended while writing it, once it is too old to be still in use.
fn sweep(directory: BorrowedFd<'_>, temporary: &OsStr, clock: &Clock) {
    // A file that cannot be deleted costs only its space; the next listing tries again.
    if let Ok(stat) = rustix::fs::statat(directory, temporary, AtFlags::SYMLINK_NOFOLLOW)
        && clock.age(Stamp::new(&stat).modified()) > TEMPORARY_AGE
    {
        let _ = rustix::fs::unlinkat(directory, temporary, AtFlags::empty());
    }
}
