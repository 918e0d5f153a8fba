//! The directory of the log: for its owner alone, never behind a link, and locked while a log in it is used.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use queue::{HISTORY, HISTORY_LOG, NEW_HISTORY_LOG, Reader, clear_of_standard};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::error::HistoryError;

const MODE: Mode = Mode::RWXU;
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o600);

/// Where the log is to be.
#[derive(Debug)]
pub(super) struct Location {
    queue: OwnedFd,
    path: PathBuf,
    /// The path is a configured one, and not that of the folder in the queue directory.
    is_configured: bool,
}

impl Location {
    /// In a configured directory, else in the queue directory.
    pub(super) fn new(reader: &Reader, configured: Option<&Path>) -> Result<Location, HistoryError> {
        let path = configured.map_or_else(|| reader.path().join(HISTORY), Path::to_owned);
        let queue = reader.directory().try_clone_to_owned();
        let queue = queue.map_err(|cause| HistoryError::Io { doing: "open", path: path.clone(), cause })?;
        Ok(Location { queue: clear_of_standard(queue), path, is_configured: configured.is_some() })
    }

    /// The queue directory.
    pub(super) fn queue(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// The directory's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The log's path.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join(HISTORY_LOG)
    }

    /// The directory that was configured.
    pub(super) fn configured(&self) -> Option<&Path> {
        self.is_configured.then_some(&self.path)
    }

    /// Opens the directory, creates it if it is missing, and locks it.
    pub(super) fn open(&self) -> Result<LogDirectory, HistoryError> {
        let directory = self.open_unlocked()?;
        match rustix::fs::flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(HistoryError::InUse(self.path.clone())),
            // Not every file system has locks. The lock of the queue keeps all others out that use the default.
            _ => Ok(LogDirectory { directory }),
        }
    }

    /// Opens the directory for what the lock of the queue protects, and creates it if it is missing.
    pub(super) fn open_unlocked(&self) -> Result<OwnedFd, HistoryError> {
        let path = || self.path.clone();
        let error = |doing, errno: Errno| HistoryError::Io { doing, path: path(), cause: errno.into() };
        let (parent, name) =
            if self.is_configured { (CWD, self.path.as_path()) } else { (self.queue.as_fd(), Path::new(HISTORY)) };
        match rustix::fs::mkdirat(parent, name, MODE) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Err(HistoryError::NoParent(path())),
            Err(errno) => return Err(error("create the history directory", errno)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR | Errno::LOOP => HistoryError::NotADirectory(path()),
            errno => error("open the history directory", errno),
        })?;
        let directory = clear_of_standard(directory);
        let stat = rustix::fs::fstat(&directory).map_err(|errno| error("open the history directory", errno))?;
        let user = rustix::process::geteuid().as_raw();
        if stat.st_uid != user {
            return Err(HistoryError::NotOurs { path: path(), owner: stat.st_uid, user });
        }
        if stat.st_mode & 0o077 != 0 {
            return Err(HistoryError::OpenToOthers { path: path(), mode: stat.st_mode & 0o7777 });
        }
        Ok(directory)
    }
}

/// The directory, open and locked.
#[derive(Debug)]
pub(super) struct LogDirectory {
    pub(super) directory: OwnedFd,
}

impl LogDirectory {
    /// Opens what has the log's name, unless that is a link.
    pub(super) fn open_log(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, HISTORY_LOG, flags, Mode::empty()).map(clear_of_standard)
    }

    /// Creates the file of a new log, which gets its name when it is complete.
    pub(super) fn create(&self) -> Result<OwnedFd, Errno> {
        // One that a process left which ended meanwhile.
        self.remove(NEW_HISTORY_LOG)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.directory, NEW_HISTORY_LOG, flags, FILE_MODE).map(clear_of_standard)
    }

    /// Gives the new log its name, in the place of the one before.
    pub(super) fn commit(&self) -> Result<(), Errno> {
        rustix::fs::renameat(&self.directory, NEW_HISTORY_LOG, &self.directory, HISTORY_LOG)
    }

    /// Deletes the file of a new log that cannot be completed.
    pub(super) fn discard(&self) {
        // If it stays, it costs space only until the next one is made.
        let _ = self.remove(NEW_HISTORY_LOG);
    }

    /// Deletes the log.
    pub(super) fn unlink(&self) -> Result<(), Errno> {
        self.remove(HISTORY_LOG)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        rustix::fs::fsync(&self.directory)?;
        #[cfg(test)]
        super::testing::names_synced();
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), Errno> {
        match rustix::fs::unlinkat(&self.directory, name, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            removed => removed,
        }
    }
}

impl Drop for LogDirectory {
    fn drop(&mut self) {
        // A process that was forked meanwhile may have a copy of the descriptor, and must not keep the lock.
        let _ = rustix::fs::flock(&self.directory, FlockOperation::Unlock);
    }
}
