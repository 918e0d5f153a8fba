//! The entries of a queue in the order of queueing, as somebody sees them who does not own it: once, or also those that
//! are queued from then on.

mod files;
mod segments;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::Mode;

use crate::descriptor::{DIRECTORY, clear_of_standard, is_same_file};
use crate::entry_error::EntryError;
use crate::entry_name::EntryName;
use crate::journal::SegmentName;

use files::Files;
use segments::Segments;

/// An entry that was seen.
#[derive(Debug)]
pub struct Seen {
    /// Its name.
    pub name: EntryName,
    /// When it was queued.
    pub queued_at: SystemTime,
    /// What it holds.
    pub content: Content,
}

/// What an entry holds.
#[derive(Debug)]
pub enum Content {
    /// Its events: of a `.json` file one, otherwise one a line.
    Events(Vec<u8>),
    /// It is no event that this version understands.
    NoEvent(EntryError),
    /// It was deleted before it could be read: as a rule it was delivered.
    Gone,
}

/// The entries that wait.
#[derive(Debug)]
pub struct Waiting {
    path: PathBuf,
    queue: OwnedFd,
    files: Files,
    segments: Segments,
}

impl Waiting {
    /// Opens a queue directory. What waits there is found by [`list`](Self::list). The limit, in bytes, is that of the
    /// reader.
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be opened.
    pub fn open(queue: &Path, max_event_bytes: u64) -> io::Result<Waiting> {
        let directory = clear_of_standard(rustix::fs::open(queue, DIRECTORY, Mode::empty())?);
        Ok(Waiting {
            path: queue.to_owned(),
            files: Files::new(max_event_bytes),
            segments: Segments::open(directory.as_fd(), max_event_bytes)?,
            queue: directory,
        })
    }

    /// The same for a caller that goes on: what is no event yet may become one.
    #[must_use]
    pub fn following(mut self) -> Waiting {
        self.files.set_following();
        self.segments.set_following();
        self
    }

    /// Whether the path is still that of the directory that was opened.
    pub fn is_current(&self) -> bool {
        let ours = rustix::fs::fstat(&self.queue);
        matches!((ours, rustix::fs::stat(&self.path)), (Ok(ours), Ok(named)) if is_same_file(&ours, &named))
    }

    /// Finds all files and segments that were not found before.
    ///
    /// # Errors
    /// When the directory or the folder of the journal cannot be read.
    pub fn list(&mut self) -> io::Result<()> {
        self.files.list(self.queue.as_fd())?;
        self.segments.list(self.queue.as_fd())
    }

    /// Notes a file that has appeared in the directory.
    pub fn note_file(&mut self, name: &OsStr) {
        self.files.note(self.queue.as_fd(), name);
    }

    /// Notes a segment that has appeared in the folder of the journal. It is opened at once: it may be deleted soon.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left, or the segment cannot be read.
    pub fn note_segment(&mut self, file: &OsStr) -> io::Result<()> {
        match SegmentName::of_file(file) {
            Some(name) => self.segments.note(self.queue.as_fd(), name),
            None => Ok(()),
        }
    }

    /// Looks for what was added to what was found before.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left, or a segment cannot be read.
    pub fn look_again(&mut self) -> io::Result<()> {
        self.files.look_again(self.queue.as_fd())?;
        self.segments.look_again()
    }

    /// The next entry in the order of queueing, of those that were found. `None`: there are no more now.
    ///
    /// # Errors
    /// When this process has no descriptor or memory left, or a segment cannot be read.
    pub fn take(&mut self) -> io::Result<Option<Seen>> {
        if let Some(seen) = self.files.take_completed() {
            return Ok(Some(seen));
        }
        loop {
            let file = self.files.first();
            let record = self.segments.first(file)?;
            let seen = match (file, record) {
                (None, None) => return Ok(None),
                (Some(file), Some(record)) if record < file => self.segments.take()?,
                (Some(_), _) => self.files.take(self.queue.as_fd())?,
                (None, Some(_)) => self.segments.take()?,
            };
            if seen.is_some() {
                return Ok(seen);
            }
        }
    }

    /// How many bytes of the journal are no records and have records behind them, as far as it was read.
    pub fn damaged_bytes(&self) -> u64 {
        self.segments.damaged_bytes()
    }
}
