//! The consumer's side: the one owner of a queue, which reads both of its forms in one order.

mod putting_aside;
mod scan;
mod turns;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Stat};

use crate::directory::{self, DEFAULT_MAX_EVENT_BYTES, DirectoryReader, OtherFiles};
use crate::entry_error::EntryError;
use crate::entry_name::EntryName;
use crate::error::{AckError, OpenError, ScanError};
use crate::event::Event;
use crate::journal::{Damage, DeniedSegments, JournalReader};
use crate::layout;
use crate::queued_at::QueuedAt;

use turns::Turns;

pub use putting_aside::StrangeSegments;

/// How long a file that does not parse may still be growing, unless another time is set.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Limits of a [`Reader`].
#[derive(Debug, Clone)]
pub struct ReaderOptions {
    /// Largest entry in bytes; a larger one is rejected unread.
    pub max_event_bytes: u64,
    /// How long a file that does not parse may still be growing before it is rejected.
    pub grace: Duration,
    /// How many names of files, and how many of segments, are held in memory for each priority. A longer backlog is read
    /// by several listings.
    pub index_entries: usize,
}

impl Default for ReaderOptions {
    fn default() -> ReaderOptions {
        ReaderOptions { max_event_bytes: DEFAULT_MAX_EVENT_BYTES as u64, grace: DEFAULT_GRACE, index_entries: 262_144 }
    }
}

/// An entry that a scan found.
#[derive(Debug)]
pub struct Entry {
    /// The name to ack or reject it by.
    pub name: EntryName,
    /// When it was queued, if its producer wrote that where it can be read without the content.
    pub queued_at: Option<SystemTime>,
    /// The events, at least one, or why the entry holds none. Either all of them count or none.
    pub events: Result<Vec<Event>, EntryError>,
}

/// The one consumer of a queue. Its lock ends with the value, or with the process.
#[derive(Debug)]
pub struct Reader {
    directory: DirectoryReader,
    journal: JournalReader,
    turns: Turns,
    /// When the round began that the next scan ends.
    round: Option<QueuedAt>,
    has_held: bool,
    has_more: bool,
    strange: Option<StrangeSegments>,
}

impl Reader {
    /// Takes ownership of a queue directory.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader; or when it
    /// was never consumed before and holds other files than entries.
    pub fn open(path: impl Into<PathBuf>, options: ReaderOptions) -> Result<Reader, OpenError> {
        Reader::of(DirectoryReader::open(path, options.clone())?, &options)
    }

    /// Takes ownership of the directory that has the path now, after the one before was deleted or replaced.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader.
    pub fn reopen(&self) -> Result<Reader, OpenError> {
        Reader::of(self.directory.reopen()?, self.directory.options())
    }

    fn of(directory: DirectoryReader, options: &ReaderOptions) -> Result<Reader, OpenError> {
        let journal = JournalReader::open(
            directory.directory(),
            directory.path(),
            options.max_event_bytes,
            options.index_entries,
        )?;
        Ok(Reader {
            directory,
            journal,
            turns: Turns::new(),
            round: None,
            has_held: false,
            has_more: false,
            strange: None,
        })
    }

    /// Tells whether a reader owns a directory. That can change before the caller has the answer.
    pub fn is_owned(path: &Path) -> bool {
        directory::is_taken(path)
    }

    /// Checks whether [`open`](Self::open) would succeed if the directory had no owner. Leaves nothing behind there.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), except that it is owned.
    pub fn check(path: &Path, max_event_bytes: u64) -> Result<(), OpenError> {
        DirectoryReader::check(path, max_event_bytes)
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The folder of the journal's segments.
    pub fn journal_path(&self) -> &Path {
        self.journal.path()
    }

    /// Whether something else than a folder has the name of the journal's: a file, a link. Producers write files then.
    pub fn has_strange_journal(&self) -> bool {
        let is_folder = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        // The journal is asked first, which takes no call of the system.
        self.journal.folder().is_none()
            && rustix::fs::statat(self.directory(), layout::JOURNAL, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| !is_folder(stat))
    }

    /// The directory itself.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.directory()
    }

    /// Waits until what was acked and put aside so far stays so, also when the power fails.
    ///
    /// # Errors
    /// The error of the system.
    pub fn sync(&self) -> io::Result<()> {
        self.journal.sync()?;
        self.directory.sync()
    }

    /// Deletes an entry that was delivered. One that is gone already counts as deleted. What was written meanwhile
    /// under the same name is another entry, and waits. That of a record takes effect with
    /// [`commit_acks`](Self::commit_acks).
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub fn ack(&mut self, name: &EntryName) -> Result<(), AckError> {
        match name {
            EntryName::File(name) => self.directory.ack(name),
            EntryName::Record(name) => {
                self.journal.ack(*name);
                Ok(())
            }
        }
    }

    /// Writes down which records are acked, so that the next reader does not find them again, and deletes segments of
    /// which nothing is left. Costs a write for each segment, so that it is worth doing for several acks at once.
    ///
    /// # Errors
    /// When a segment cannot be deleted. The call may be repeated.
    pub fn commit_acks(&mut self) -> Result<(), AckError> {
        self.journal.commit_acks()
    }

    /// Reads an entry by its name. It is outstanding then, as one that a scan has returned. `None`: there is no such
    /// entry, or it is not complete, or no event, or another one than was read under this name before.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn look_up(&mut self, name: &EntryName) -> Result<Option<Vec<Event>>, ScanError> {
        match name {
            EntryName::File(name) => self.directory.look_up(name),
            EntryName::Record(name) => self.journal.look_up(*name),
        }
    }

    /// Lets an entry that was [looked up](Self::look_up) be found by the next scan, as if it had never been read.
    pub fn put_back(&mut self, name: &EntryName) {
        match name {
            EntryName::File(name) => self.directory.put_back(name),
            EntryName::Record(name) => self.journal.put_back(*name),
        }
    }

    /// The files that are no attempts at events and that were found since the last call. They stay where they are.
    pub fn take_other_files(&mut self) -> Option<OtherFiles> {
        self.directory.take_other_files()
    }

    /// The entries that a newer program wrote and that were found since the last call. They wait for a reader that knows
    /// their version.
    pub fn take_newer_entries(&mut self) -> Option<OtherFiles> {
        self.directory.take_newer_entries()
    }

    /// Segments of the journal that may not be read, as far as they were not told before. They are tried again.
    pub fn take_denied_segments(&mut self) -> Option<DeniedSegments> {
        self.journal.take_denied()
    }

    /// Bytes of the journal that are no records and were left out since the last call.
    pub fn take_damage(&mut self) -> Option<Damage> {
        self.journal.take_damage()
    }

    /// How many segments of the journal were opened and are not deleted yet.
    pub fn segments(&self) -> usize {
        self.journal.segments()
    }

    /// Tells whether the path is still that of the directory that was opened. When that was deleted, renamed or
    /// replaced, open a new reader.
    pub fn is_current(&self) -> bool {
        self.directory.is_current()
    }

    /// Tells whether the lock file is there, and is the one that this reader has locked.
    pub fn has_lock_file(&self) -> bool {
        self.directory.has_lock_file()
    }

    /// Tells whether only the lock file keeps others out: on a file system without locks on directories.
    pub fn needs_lock_file(&self) -> bool {
        self.directory.needs_lock_file()
    }

    /// Makes and locks the lock file again if it was deleted or replaced. Returns whether it was.
    ///
    /// # Errors
    /// When it cannot be made, or another process has locked the new one. That is an older version of the broadcaster,
    /// which knows no other lock.
    pub fn keep_lock(&mut self) -> Result<bool, OpenError> {
        self.directory.keep_lock()
    }
}
