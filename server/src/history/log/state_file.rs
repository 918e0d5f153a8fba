//! The file `forwarded` beside the history log: what the broker has to remember over restarts. Here it is only opened,
//! in a directory that is checked as that of the log.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use queue::{FORWARDED, Reader, clear_of_standard};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::directory::{FILE_MODE, Location};
use super::error::HistoryError;

/// The open file. Its directory is not locked. The lock of the queue protects it, and a successor that has that lock
/// must be able to open the file although the thread that forwards ends a moment later.
#[derive(Debug)]
pub(crate) struct StateFile {
    file: OwnedFd,
    path: PathBuf,
}

impl StateFile {
    /// Opens or creates it: in the configured history directory, or in that of the queue.
    ///
    /// # Errors
    /// When the file may not be in the directory, or the directory cannot be used.
    pub(crate) fn open(reader: &Reader, configured: Option<&Path>) -> Result<StateFile, HistoryError> {
        let location = Location::new(reader, configured)?;
        let directory = location.open_unlocked()?;
        let path = location.path().join(FORWARDED);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&directory, FORWARDED, flags, FILE_MODE);
        let file = match opened.map(clear_of_standard) {
            Ok(file) => file,
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(HistoryError::NotAFile(path)),
            Err(errno) => return Err(HistoryError::Io { doing: "open", path, cause: errno.into() }),
        };
        match rustix::fs::fstat(&file) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => Ok(StateFile { file, path }),
            Ok(_) => Err(HistoryError::NotAFile(path)),
            Err(errno) => Err(HistoryError::Io { doing: "look at", path, cause: errno.into() }),
        }
    }

    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
