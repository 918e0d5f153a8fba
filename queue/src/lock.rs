//! Who consumes a directory, and who waits to: the one consumer holds the lock file, each that waits holds the directory
//! itself, shared. All of it ends with the process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::OpenError;
use crate::layout;

/// Lets the owner of a directory see that somebody waits to take over, as long as it lives.
#[derive(Debug)]
pub struct Standby {
    _directory: OwnedFd,
}

impl Standby {
    /// Begins to wait.
    ///
    /// # Errors
    /// What the system said.
    pub fn announce(queue: &Path) -> io::Result<Standby> {
        let directory = open(queue)?;
        rustix::fs::flock(&directory, FlockOperation::LockShared)?;
        Ok(Standby { _directory: directory })
    }

    /// Tells whether somebody waits for a directory. The answer may be old when it arrives.
    pub fn is_announced(queue: &Path) -> bool {
        open(queue).is_ok_and(|directory| is_locked(directory.as_fd()))
    }
}

/// Takes possession of a directory.
pub(crate) fn take(path: &Path, directory: BorrowedFd<'_>) -> Result<OwnedFd, OpenError> {
    let io = |cause: Errno| OpenError::Io { doing: "lock", path: path.join(layout::LOCK), cause: cause.into() };
    let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
    let lock = rustix::fs::openat(directory, layout::LOCK, LOCK_FLAGS.union(OFlags::CREATE), mode).map_err(io)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(OpenError::Locked(path.to_owned())),
        Err(errno) => Err(io(errno)),
    }
}

/// Tells whether somebody owns a directory. Makes no lock file: it would belong to whoever asks, and the broadcaster might
/// not be allowed to open it.
pub(crate) fn is_taken(queue: &Path) -> bool {
    let lock = open(queue).and_then(|directory| rustix::fs::openat(directory, layout::LOCK, LOCK_FLAGS, Mode::empty()));
    lock.is_ok_and(|lock| is_locked(lock.as_fd()))
}

const LOCK_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open(queue: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(queue, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_locked(file: BorrowedFd<'_>) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK)
}
