//! Which segments there are: the folder, its listing, and what was reported of it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::JournalReader;
use super::segment::Segment;
use crate::descriptor::{DIRECTORY, clear_of_standard, is_same_file};
use crate::directory::create_folder;
use crate::entry_error::EntryError;
use crate::error::ScanError;
use crate::journal::SegmentName;
use crate::journal::positions::Positions;
use crate::layout;
use crate::queued_at::QueuedAt;
use crate::record::HEAD_BYTES;

/// No producer of ours writes larger segments, but for a single record.
const MAX_SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// So many are closed at once when too many are open.
const CLOSED_AT_ONCE: usize = 64;
/// For how long the folder is missing before it is made again.
const MISSING_TIME: Duration = Duration::from_secs(1);

impl JournalReader {
    /// Finds the segments that have appeared and the records that were added.
    ///
    /// # Errors
    /// When the folder or a segment cannot be read. Nothing is lost: the next call does it.
    pub(crate) fn update(&mut self) -> Result<(), ScanError> {
        self.sweep_if_due()?;
        self.changed.append(&mut self.searching);
        self.denied.due().into_iter().for_each(|name| self.note_unopened(name));
        if self.needs_listing {
            self.list()?;
            self.needs_listing = false;
            self.looks_at_all = true;
        }
        while let Some(name) = self.changed.last().copied() {
            if self.segments.contains_key(&name) {
                self.find_next(name)?;
            } else {
                self.note_unopened(name);
            }
            self.changed.pop();
        }
        if self.looks_at_all {
            self.look_at_live()?;
            self.looks_at_all = false;
        }
        Ok(())
    }

    /// Makes the folder if it is missing. Where that is impossible, producers use the other form.
    pub(super) fn make_folder(&self) {
        // It may be there already, also in a directory that cannot be written.
        let _ = create_folder(self.queue.as_fd(), layout::JOURNAL);
    }

    /// Opens the folder. Where there is none, or something else has its name, producers use the other form.
    ///
    /// # Errors
    /// When there is one that may not be read: producers may use it.
    pub(super) fn open_folder(&mut self) -> Result<(), Errno> {
        self.folder = None;
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        match rustix::fs::openat(&self.queue, layout::JOURNAL, flags, Mode::empty()) {
            Ok(folder) => self.folder = Some(clear_of_standard(folder)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Whether every user of the machine can write to the folder, and so send events to all clients.
    pub(super) fn is_open_to_all(&self) -> bool {
        let is_open = |stat: Stat| Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH);
        self.folder.as_ref().is_some_and(|folder| rustix::fs::fstat(folder).is_ok_and(is_open))
    }

    /// Whether the folder is still the one that was opened.
    pub(super) fn has_folder(&self) -> bool {
        let named = rustix::fs::statat(&self.queue, layout::JOURNAL, AtFlags::SYMLINK_NOFOLLOW);
        let ours = self.folder.as_ref().map(rustix::fs::fstat);
        matches!((ours, named), (Some(Ok(ours)), Ok(named)) if is_same_file(&ours, &named))
    }

    /// Keeps the positions of the segments that are there. Those of others are of no use any more.
    pub(super) fn begin_positions(&mut self) {
        // If the folder cannot be listed now, all are kept: without them, what is acked would be sent again.
        if let Ok(names) = self.file_names() {
            let of_segment = |name: &SegmentName| Some((*name, *self.begun_at.get(name)?));
            self.begun_at = names.iter().filter_map(of_segment).collect();
        }
        self.positions = Positions::begin(&self.queue, &self.begun_at);
    }

    fn file_names(&self) -> Result<Vec<SegmentName>, Errno> {
        self.folder().map_or_else(|| Ok(Vec::new()), SegmentName::all_in)
    }

    fn list(&mut self) -> Result<(), ScanError> {
        let path = self.path.clone();
        let unreadable = |errno: Errno| ScanError { path, cause: errno.into() };
        if !self.has_folder() {
            // Not at once: the whole queue is being deleted, maybe, and `rm -r` would find it again.
            if self.folder_missing_since.get_or_insert_with(Instant::now).elapsed() >= MISSING_TIME {
                self.make_folder();
            }
            self.open_folder().map_err(unreadable.clone())?;
        }
        if self.folder.is_some() {
            self.folder_missing_since = None;
        }
        let names = self.file_names().map_err(unreadable)?;
        self.unlisted_from = Default::default();
        for name in names {
            if !self.segments.contains_key(&name) {
                self.note_unopened(name);
            }
        }
        Ok(())
    }

    fn note_unopened(&mut self, name: SegmentName) {
        let lane = name.priority().lane();
        let unlisted_from = &mut self.unlisted_from[lane];
        // What is newer than one that was left out must not overtake it.
        if unlisted_from.is_some_and(|from| name >= from) || self.strange.contains_key(&name) {
            return;
        }
        let unopened = &mut self.unopened[lane];
        unopened.insert(name);
        if unopened.len() > self.max_names {
            *unlisted_from = unopened.pop_last();
        }
    }

    /// Lists the folder again if names were left out that are not newer than the first record of a lane. Returns
    /// whether it was.
    pub(super) fn list_left_out(&mut self, lane: usize, first: Option<QueuedAt>) -> Result<bool, ScanError> {
        let is_due = |from: SegmentName| first.is_none_or(|first| from.earliest() <= first);
        let is_due = self.unlisted_from[lane].is_some_and(is_due);
        if is_due {
            self.list()?;
        }
        Ok(is_due)
    }

    /// Opens a segment for the first time, and looks for its first record that is not acked.
    pub(super) fn read_new(&mut self, name: SegmentName) -> Result<(), ScanError> {
        let path = self.segment_path(name);
        let unreadable = |errno: Errno| ScanError { path: path.clone(), cause: errno.into() };
        let file = match self.open_with_room(name) {
            Ok(file) => file,
            Err(Errno::NOENT) => {
                self.denied.remove(name);
                return Ok(());
            }
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => {
                self.strange.insert(name, EntryError::NotAFile);
                return Ok(());
            }
            // This process or the system lacks something; the file is not the cause.
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR)) => return Err(unreadable(errno)),
            Err(errno) => {
                self.denied.note(name, errno);
                return Ok(());
            }
        };
        self.denied.remove(name);
        let stat = rustix::fs::fstat(&file).map_err(unreadable)?;
        let (size, limit) = (stat.st_size.unsigned_abs(), max_segment_bytes(self.max_event_bytes));
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.strange.insert(name, EntryError::NotAFile);
            return Ok(());
        }
        if size > limit {
            self.strange.insert(name, EntryError::TooLarge { size, limit });
            return Ok(());
        }
        let position = self.begun_at.remove(&name).unwrap_or(0);
        self.segments.insert(name, Segment::new(file, position));
        self.open += 1;
        self.find_next(name)
    }

    /// Opens the file of a segment again, if it was closed for others.
    pub(super) fn open_again(&mut self, name: SegmentName) -> Result<(), ScanError> {
        if !self.segments.get(&name).is_some_and(Segment::is_closed) {
            return Ok(());
        }
        match self.open_with_room(name) {
            Ok(file) => {
                if let Some(segment) = self.segments.get_mut(&name) {
                    segment.file = Some(file);
                    self.open += 1;
                }
                Ok(())
            }
            // Somebody has deleted it, and its events.
            Err(Errno::NOENT) => {
                self.forget(name);
                Ok(())
            }
            Err(errno) => Err(ScanError { path: self.segment_path(name), cause: errno.into() }),
        }
    }

    /// Opens the file of a segment, and closes others if too many are open or the system has no room for one more.
    fn open_with_room(&mut self, name: SegmentName) -> Result<OwnedFd, Errno> {
        if self.open >= self.max_open {
            self.close_some();
        }
        match self.open_file(name) {
            Err(Errno::MFILE | Errno::NFILE) if self.open > 0 => {
                self.close_some();
                self.open_file(name)
            }
            opened => opened,
        }
    }

    /// Closes some segments: first those that wait for their producers.
    fn close_some(&mut self) {
        let mut open: Vec<SegmentName> =
            self.segments.iter().filter(|(_, segment)| segment.file.is_some()).map(|(name, _)| *name).collect();
        open.sort_by_key(|name| !self.segments.get(name).is_some_and(Segment::is_idle));
        for name in open.into_iter().take(CLOSED_AT_ONCE) {
            if let Some(segment) = self.segments.get_mut(&name) {
                self.buffered -= segment.buffered();
                self.open -= 1;
                segment.close();
            }
        }
    }

    fn look_at_live(&mut self) -> Result<(), ScanError> {
        let live: Vec<SegmentName> = self.segments.keys().copied().filter(|name| self.is_live(*name)).collect();
        for name in live {
            if !self.is_closed_and_read(name) {
                self.find_next(name)?;
            }
        }
        Ok(())
    }

    /// Whether a segment was closed for others and has nothing new. With very many segments, opening each would take
    /// long.
    fn is_closed_and_read(&self, name: SegmentName) -> bool {
        let Some(segment) = self.segments.get(&name).filter(|segment| segment.file.is_none()) else { return false };
        let Some(folder) = &self.folder else { return true };
        let stat = rustix::fs::statat(folder, name.to_file_name(), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| stat.st_size.unsigned_abs() == segment.next())
    }
}

/// The largest file that is taken for a segment, in bytes.
pub(super) fn max_segment_bytes(max_event_bytes: u64) -> u64 {
    MAX_SEGMENT_BYTES.max(max_event_bytes.saturating_mul(2) + HEAD_BYTES as u64)
}
