//! Who consumes a directory, and who waits to: the one consumer holds the lock file, each that waits holds the directory
//! itself, shared. All of it ends with the value that holds it, or with the process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::error::OpenError;
use crate::layout;

/// Lets the owner of a directory see that somebody waits to take over, as long as it lives.
#[derive(Debug)]
pub struct Standby {
    _directory: Lock,
}

/// A lock that ends with this value, even if a forked process has a copy of the descriptor: closing it would not be enough.
///
/// Must not be dropped in a process that was forked: it would end the parent's lock.
#[derive(Debug)]
pub(crate) struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // It cannot fail on a descriptor that was locked, and the last copy that is closed unlocks as well.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Standby {
    /// Begins to wait.
    ///
    /// # Errors
    /// What the system said.
    pub fn announce(queue: &Path) -> io::Result<Standby> {
        let directory = open(queue)?;
        rustix::fs::flock(&directory, FlockOperation::LockShared)?;
        Ok(Standby { _directory: Lock(directory) })
    }

    /// Tells whether somebody waits for a directory. The answer may be old when it arrives.
    pub fn is_announced(queue: &Path) -> bool {
        open(queue).is_ok_and(|directory| is_locked(directory.as_fd()))
    }
}

/// Takes possession of a directory.
pub(crate) fn take(path: &Path, directory: BorrowedFd<'_>) -> Result<Lock, OpenError> {
    let io = |cause: Errno| OpenError::Io { doing: "lock", path: lock_file(path), cause: cause.into() };
    let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
    let lock = rustix::fs::openat(directory, layout::LOCK, LOCK_FLAGS.union(OFlags::CREATE), mode).map_err(io)?;
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(lock)),
        Err(Errno::WOULDBLOCK) => Err(OpenError::Locked(path.to_owned())),
        Err(errno) => Err(io(errno)),
    }
}

/// Looks whether the lock file could be opened, without making one.
pub(crate) fn check(path: &Path, directory: BorrowedFd<'_>) -> Result<(), OpenError> {
    match rustix::fs::openat(directory, layout::LOCK, LOCK_FLAGS, Mode::empty()) {
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(OpenError::Io { doing: "lock", path: lock_file(path), cause: errno.into() }),
    }
}

/// Tells whether somebody owns a directory. Makes no lock file: it would belong to whoever asks, and the broadcaster might
/// not be allowed to open it.
pub(crate) fn is_taken(queue: &Path) -> bool {
    let lock = open(queue).and_then(|directory| rustix::fs::openat(directory, layout::LOCK, LOCK_FLAGS, Mode::empty()));
    lock.is_ok_and(|lock| is_locked(lock.as_fd()))
}

/// The file that the consumer of a directory holds locked.
pub fn lock_file(queue: &Path) -> PathBuf {
    queue.join(layout::LOCK)
}

const LOCK_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open(queue: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(queue, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn is_locked(file: BorrowedFd<'_>) -> bool {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        // A process that is forked now must not keep it.
        Ok(()) => rustix::fs::flock(file, FlockOperation::Unlock).is_err(),
        Err(errno) => errno == Errno::WOULDBLOCK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_value_although_another_process_has_a_copy_of_the_descriptor() {
        let queue = tempfile::tempdir().expect("a directory");
        let directory = open(queue.path()).expect("a descriptor");
        let lock = take(queue.path(), directory.as_fd()).expect("a free lock");
        let copy = rustix::io::dup(&lock.0).expect("a copy, as a forked process has it");
        assert!(matches!(take(queue.path(), directory.as_fd()), Err(OpenError::Locked(_))));
        drop(lock);
        assert!(!is_taken(queue.path()));
        drop(take(queue.path(), directory.as_fd()).expect("a free lock"));
        drop(copy);
    }

    #[test]
    fn a_standby_is_announced_no_more_when_its_value_is_dropped_although_there_is_a_copy() {
        let queue = tempfile::tempdir().expect("a directory");
        let standby = Standby::announce(queue.path()).expect("a lock");
        let copy = rustix::io::dup(&standby._directory.0).expect("a copy");
        assert!(Standby::is_announced(queue.path()));
        drop(standby);
        assert!(!Standby::is_announced(queue.path()));
        drop(copy);
    }
}
