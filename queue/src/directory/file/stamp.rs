//! How it is recognised that a file was replaced or changed.

use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Stat};

use crate::directory::entry::FileName;

/// Two equal stamps of one name are of the same file with the same content. Owner and mode are not part of it: many
/// producers change them after they have written the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(crate) fn new(stat: &Stat) -> Stamp {
        let modified = (stat.st_mtime, stat.st_mtime_nsec as i64);
        Stamp { inode: stat.st_ino, size: stat.st_size.unsigned_abs(), modified }
    }

    /// The stamp of the file that has a name now. None if there is none, or the system does not answer.
    pub(in crate::directory) fn of(directory: BorrowedFd<'_>, name: &FileName) -> Option<Stamp> {
        rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Stamp::new(&stat))
    }

    pub(in crate::directory) fn size(&self) -> u64 {
        self.size
    }

    /// The modification time of the file. Producers can set it to any time.
    pub(in crate::directory) fn modified(&self) -> Option<SystemTime> {
        let (secs, nanos) = self.modified;
        let secs = u64::try_from(secs).unwrap_or(0);
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(secs, u32::try_from(nanos).unwrap_or(0)))
    }
}
