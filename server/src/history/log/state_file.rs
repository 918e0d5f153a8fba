//! A small file beside the history log, for what another part has to remember over restarts.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use queue::{FORWARDED, Reader, clear_of_standard};
use rustix::fs::OFlags;

use super::directory::{FILE_MODE, Location};
use super::error::HistoryError;

/// The file that says what was forwarded, open. Its directory is not locked: who has the lock of the queue uses it, and
/// the thread that forwards may end a moment after that lock was released.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: OwnedFd,
    path: PathBuf,
}

impl StateFile {
    /// Opens or creates it: in the configured history directory, or in that of the queue.
    ///
    /// # Errors
    /// When the directory is not one that it may be in, or cannot be used.
    pub(crate) fn open(reader: &Reader, configured: Option<&Path>) -> Result<StateFile, HistoryError> {
        let location = Location::new(reader, configured)?;
        let directory = location.open_unlocked()?;
        let path = location.path().join(FORWARDED);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, FORWARDED, flags, FILE_MODE);
        match opened.map(clear_of_standard) {
            Ok(file) => Ok(StateFile { file, path }),
            Err(errno) => Err(HistoryError::Io { doing: "open", path, cause: errno.into() }),
        }
    }

    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
