//! Finding the next entries: by a listing of the directory, or by reports of what has appeared.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use super::DirectoryReader;
use super::clock::Clock;
use super::index::Indexed;
use crate::directory::entry::{FileEntry, FileName};
use crate::directory::file::{self, Found, Stamp};
use crate::error::ScanError;
use crate::event::Event;
use crate::layout;
use crate::queued_at::QueuedAt;

/// A producer needs milliseconds between creating its temporary file and renaming it.
const TEMPORARY_AGE: Duration = Duration::from_secs(15 * 60);

impl DirectoryReader {
    /// Lists the directory, if the next entry is not known otherwise. Returns whether it was listed.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn update(&mut self) -> Result<bool, ScanError> {
        self.overlooks_nothing = false;
        let is_due = self.index.needs_listing();
        if is_due {
            let is_wanted = self.index.is_listing_wanted();
            self.list()?;
            if is_wanted && self.index.may_overlook() || self.index.has_only_unsettled() {
                self.list()?;
            }
            self.overlooks_nothing = is_wanted;
        }
        Ok(is_due)
    }

    /// Tells whether an entry may have been overlooked that was there before this round. The next round lists the
    /// directory then, and overlooks nothing.
    pub(crate) fn may_overlook(&mut self) -> bool {
        let may_overlook = !self.overlooks_nothing && self.index.may_overlook();
        if may_overlook {
            self.index.want_listing();
        }
        may_overlook
    }

    /// When the next entry of a lane was queued.
    pub(crate) fn first(&self, lane: usize) -> Option<QueuedAt> {
        self.index.first(lane)
    }

    /// Tells whether an entry of a lane may wait that is not found yet, although none is known.
    pub(crate) fn may_miss(&self, lane: usize) -> bool {
        self.index.may_miss(lane)
    }

    /// Notes a file that has appeared or was completed, so that no listing is needed to find it.
    ///
    /// Every such file has to be reported, in the order in which they appear, beginning before the first scan. A caller
    /// that missed some calls [`lose_track`](Self::lose_track) before it goes on.
    pub(crate) fn follow(&mut self, file: &OsStr) {
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
    pub(crate) fn lose_track(&mut self) {
        self.index.lose_track();
    }

    /// Reads an entry by its name. It is outstanding then, as one that a scan has returned. `None`: there is no such
    /// entry, or it is not complete, or no event, or another one than was read under this name before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn look_up(&mut self, name: &FileName) -> Result<Option<Vec<Event>>, ScanError> {
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
    pub(crate) fn put_back(&mut self, name: &FileName) {
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

    /// Reads the next entry of a lane. `None`: it is gone, or was left where it is.
    ///
    /// # Errors
    /// When it cannot be read. It stays the next one.
    pub(crate) fn take(&mut self, lane: usize) -> Result<Option<FileEntry>, ScanError> {
        let Some(indexed) = self.index.take(lane) else { return Ok(None) };
        // A file of another producer that was reported twice can be in the index with two times.
        if self.outstanding.contains_key(&indexed.name) {
            return Ok(None);
        }
        let (directory, limit) = (self.ownership.directory(), self.options.max_event_bytes);
        match file::read(directory, &indexed.name, limit, &mut self.buffer) {
            Ok(None) => Ok(None),
            Ok(Some(Found { stamp, events })) => {
                let name = indexed.name;
                if events.as_ref().is_err_and(|error| self.left_files.leave(&name, stamp, error, &self.buffer)) {
                    return Ok(None);
                }
                self.outstanding.insert(name.clone(), stamp);
                Ok(Some(FileEntry { name, events, bytes: self.buffer.len() }))
            }
            Err(errno) => {
                let path = self.path.join(indexed.name.as_os_str());
                self.index.insert(indexed);
                Err(ScanError { path, cause: errno.into() })
            }
        }
    }
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
