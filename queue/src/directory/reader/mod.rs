//! The consumer's side: who owns the directory, which entries wait, and what happens to each.

mod clock;
mod deletion;
mod index;
mod left_files;
mod open;
mod scan;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crate::descriptor::is_same_file;
use crate::directory::entry::FileName;
use crate::directory::failed::{self, Rejected};
use crate::directory::file::Stamp;
use crate::directory::lock::{self, Ownership};
use crate::entry_error::EntryError;
use crate::error::{AckError, OpenError, RejectError};
use crate::layout;
use crate::reader::ReaderOptions;

use clock::Clock;
use deletion::Deleted;
use index::Index;
use left_files::LeftFiles;

pub use left_files::OtherFiles;

/// The one consumer of the files of a queue directory. Its lock ends with the value, or with the process.
#[derive(Debug)]
pub(crate) struct DirectoryReader {
    path: PathBuf,
    ownership: Ownership,
    options: ReaderOptions,
    /// Found and not yet scanned.
    index: Index,
    /// Everything was listed at the beginning of this round.
    overlooks_nothing: bool,
    /// Scanned, and neither acked nor rejected: they must not be found again.
    outstanding: HashMap<FileName, Stamp>,
    /// Read and left where they are.
    left_files: LeftFiles,
    clock: Clock,
    /// Files are read into this.
    buffer: Vec<u8>,
}

impl DirectoryReader {
    /// Takes ownership of the directory.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader; or when it
    /// was never consumed before and holds other files than entries.
    pub(crate) fn open(path: impl Into<PathBuf>, options: ReaderOptions) -> Result<DirectoryReader, OpenError> {
        let path = path.into();
        let directory = open::open(&path)?;
        // Before the lock file is made, because that file shows from then on that the directory was consumed.
        open::check_first_start(&path, &directory, options.max_event_bytes)?;
        DirectoryReader::take_ownership(path, directory, options)
    }

    /// Takes ownership of the directory that has the path now, after the one before was deleted or replaced.
    ///
    /// # Errors
    /// When it is missing, not a directory, writable by everyone, unreadable, or owned by another reader.
    pub(crate) fn reopen(&self) -> Result<DirectoryReader, OpenError> {
        DirectoryReader::take_ownership(self.path.clone(), open::open(&self.path)?, self.options.clone())
    }

    fn take_ownership(path: PathBuf, directory: OwnedFd, options: ReaderOptions) -> Result<DirectoryReader, OpenError> {
        let ownership = Ownership::take(&path, directory)?;
        // If this fails, the next deletion or the next reader does it.
        let _ = deletion::restore(ownership.directory());
        let clock = Clock::start();
        Ok(DirectoryReader {
            path,
            ownership,
            index: Index::new(options.index_entries),
            overlooks_nothing: false,
            outstanding: HashMap::new(),
            left_files: LeftFiles::new(options.index_entries, options.grace, clock),
            clock,
            buffer: Vec::new(),
            options,
        })
    }

    /// Checks whether [`open`](Self::open) would succeed if the directory had no owner. Leaves nothing behind there.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), except that it is owned.
    pub(crate) fn check(path: &Path, max_event_bytes: u64) -> Result<(), OpenError> {
        let directory = open::open(path)?;
        open::check_first_start(path, &directory, max_event_bytes)?;
        lock::check(path, directory.as_fd())
    }

    /// The limits that it was opened with.
    pub(crate) fn options(&self) -> &ReaderOptions {
        &self.options
    }

    /// The directory's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.ownership.directory()
    }

    /// Waits until what was acked and put aside so far stays so, also when the power fails.
    ///
    /// # Errors
    /// The error of the system.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.ownership.directory())?)
    }

    /// Deletes an entry that was delivered. One that is gone already counts as deleted. What was written meanwhile
    /// under the same name is another entry, and waits.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub(crate) fn ack(&mut self, name: &FileName) -> Result<(), AckError> {
        let Some((name, scanned)) = self.outstanding.remove_entry(name) else { return Ok(()) };
        match deletion::delete(self.ownership.directory(), &name, scanned) {
            Ok(Deleted::Gone) => self.left_files.forget(&name),
            Ok(Deleted::UsedAgain(new)) => self.index(new),
            Err(errno) => {
                let path = self.path.join(name.as_os_str());
                self.outstanding.insert(name, scanned);
                return Err(AckError { path, cause: errno.into() });
            }
        }
        Ok(())
    }

    /// Moves an entry to the failed folder, with the reason in a text file beside it. What was written meanwhile under
    /// the same name is another entry, and waits.
    ///
    /// # Errors
    /// When the system refuses; the entry stays outstanding and the call may be repeated.
    pub(crate) fn reject(&mut self, name: &FileName, reason: &EntryError) -> Result<Rejected, RejectError> {
        let now = || Stamp::of(self.ownership.directory(), name);
        if self.outstanding.get(name).is_some_and(|scanned| now().is_some_and(|now| now != *scanned)) {
            self.outstanding.remove(name);
            self.index(name.clone());
            return Ok(Rejected::NotThere);
        }
        let rejected = failed::put_aside(self.ownership.directory(), name, reason).map_err(|cause| RejectError {
            path: self.path.join(name.as_os_str()),
            folder: self.path.join(layout::FAILED),
            cause,
        })?;
        self.outstanding.remove(name);
        self.left_files.forget(name);
        Ok(rejected)
    }

    /// Leaves an entry that cannot be put aside where it is. It is no longer outstanding, and is found again when it
    /// has changed or when [`retry_unrejectable`](Self::retry_unrejectable) selects it.
    pub(crate) fn leave_unrejectable(&mut self, name: &FileName) {
        if let Some(stamp) = self.outstanding.remove(name) {
            self.left_files.leave_unrejectable(name, stamp);
        }
    }

    /// Lets some of those that could not be put aside be found again.
    pub(crate) fn retry_unrejectable(&mut self, count: usize) {
        for name in self.left_files.take_unrejectable(count) {
            if !self.outstanding.contains_key(&name) {
                self.index(name);
            }
        }
    }

    /// Tells whether there are entries that could not be put aside.
    pub(crate) fn has_unrejectable(&self) -> bool {
        self.left_files.has_unrejectable()
    }

    /// The files that are no attempts at events and that were found since the last call. They stay where they are.
    pub(crate) fn take_other_files(&mut self) -> Option<OtherFiles> {
        self.left_files.take_other_files()
    }

    /// The entries that a newer program wrote and that were found since the last call. They wait for a reader that knows
    /// their version.
    pub(crate) fn take_newer_entries(&mut self) -> Option<OtherFiles> {
        self.left_files.take_newer_entries()
    }

    /// Tells whether the path is still that of the directory that was opened. When that was deleted, renamed or
    /// replaced, open a new reader.
    pub(crate) fn is_current(&self) -> bool {
        matches!(
            (rustix::fs::fstat(self.ownership.directory()), rustix::fs::stat(&self.path)),
            (Ok(ours), Ok(named)) if is_same_file(&ours, &named)
        )
    }

    /// Tells whether the lock file is there, and is the one that this reader has locked.
    pub(crate) fn has_lock_file(&self) -> bool {
        self.ownership.has_its_file()
    }

    /// Tells whether only the lock file keeps others out: on a file system without locks on directories.
    pub(crate) fn needs_lock_file(&self) -> bool {
        self.ownership.needs_its_file()
    }

    /// Makes and locks the lock file again if it was deleted or replaced. Returns whether it was.
    ///
    /// # Errors
    /// When it cannot be made, or another process has locked the new one. That is an older version of the broadcaster,
    /// which knows no other lock.
    pub(crate) fn keep_lock(&mut self) -> Result<bool, OpenError> {
        self.ownership.keep(&self.path)
    }
}
