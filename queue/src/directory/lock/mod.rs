//! Who consumes a directory, and who waits to take over. Every lock ends with the value that holds it, or with the
//! process.
//!
//! The one consumer holds two locks. The first is on a lock file. A program that cleans up directories can delete or
//! replace that file, and the next process then locks another file. The second is on the directory itself, which exists
//! as long as the queue does; older versions know only the lock file and do not see it. So the consumer takes both, and
//! checks whether the lock file is still the one that it has locked.
//!
//! Each process that waits holds a shared lock on the directory, of another kind. Locks of the two kinds do not see
//! each other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::descriptor::{DIRECTORY, UNTRUSTED_FILE, clear_of_standard, is_same_file};
use crate::error::OpenError;
use crate::layout;

/// How often a lock is tried again, when the lock file was deleted meanwhile or another process has locked the
/// directory for a moment, before the other process is taken for the owner.
const TRIES: usize = 16;

/// As long as this value exists, the owner of a directory sees that a process waits to take over.
#[derive(Debug)]
pub struct Standby {
    _directory: Lock,
}

/// A lock that ends with this value, also if a forked process has a copy of the descriptor: closing it would not be
/// enough.
///
/// Must not be dropped in a forked process, because that would end the parent's lock.
#[derive(Debug)]
struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // This cannot fail on a descriptor that was locked, and closing the last copy unlocks as well.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

impl Standby {
    /// Begins to wait.
    ///
    /// # Errors
    /// The error of the system, also that another process has locked the directory exclusively.
    pub fn announce(queue: &Path) -> io::Result<Standby> {
        let directory = open(queue)?;
        let mut tries = TRIES;
        // A process that only asks holds it for a moment. One that keeps it must not make us wait.
        while let Err(errno) = rustix::fs::flock(&directory, FlockOperation::NonBlockingLockShared) {
            tries -= 1;
            if errno != Errno::WOULDBLOCK || tries == 0 {
                return Err(errno.into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Standby { _directory: Lock(directory) })
    }

    /// Tells whether a process waits for a directory. That can change before the caller has the answer.
    pub fn is_announced(queue: &Path) -> bool {
        open(queue).is_ok_and(|directory| is_locked(directory.as_fd()))
    }
}

/// What the one consumer of a directory holds.
#[derive(Debug)]
pub(super) struct Ownership {
    file: Lock,
    directory: DirectoryLock,
}

impl Ownership {
    /// Takes ownership of a directory.
    pub(super) fn take(path: &Path, directory: OwnedFd) -> Result<Ownership, OpenError> {
        let locked = || Err(OpenError::Locked(path.to_owned()));
        if is_claimed(directory.as_fd()) {
            return locked();
        }
        let file = take_file(path, directory.as_fd())?;
        // Two processes can get here at once if the lock file is deleted in between. Each claims before it checks, so
        // at least one of them sees the other.
        let directory = DirectoryLock::claim(directory);
        if is_claimed(directory.descriptor.as_fd()) {
            return locked();
        }
        Ok(Ownership { file, directory })
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.descriptor.as_fd()
    }

    /// Whether the lock file exists and is the one that was locked.
    pub(super) fn has_its_file(&self) -> bool {
        self.file.is_named_in(self.directory())
    }

    /// Whether only the lock file keeps others out.
    pub(super) fn needs_its_file(&self) -> bool {
        !self.directory.is_supported
    }

    /// Makes and locks the lock file again if it was deleted or replaced. Returns whether it was.
    pub(super) fn keep(&mut self, path: &Path) -> Result<bool, OpenError> {
        if self.has_its_file() {
            return Ok(false);
        }
        self.file = take_file(path, self.directory())?;
        Ok(true)
    }
}

impl Lock {
    /// Whether the lock file of a directory is the one that is locked.
    fn is_named_in(&self, directory: BorrowedFd<'_>) -> bool {
        matches!(
            (rustix::fs::fstat(&self.0), rustix::fs::statat(directory, layout::LOCK, AtFlags::SYMLINK_NOFOLLOW)),
            (Ok(ours), Ok(named)) if is_same_file(&ours, &named)
        )
    }
}

/// Locks the lock file, and checks afterwards that the locked file still has that name.
fn take_file(path: &Path, directory: BorrowedFd<'_>) -> Result<Lock, OpenError> {
    for _ in 0..TRIES {
        let file = clear_of_standard(open_file(directory, OFlags::CREATE).map_err(|cause| cause.of(path))?);
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => break,
            Err(errno) => return Err(NoLockFile::System(errno).of(path)),
        }
        let lock = Lock(file);
        if lock.is_named_in(directory) {
            return Ok(lock);
        }
    }
    Err(OpenError::Locked(path.to_owned()))
}

/// Opens the lock file, and nothing else that has its name.
fn open_file(directory: BorrowedFd<'_>, more: OFlags) -> Result<OwnedFd, NoLockFile> {
    let is_file = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    match rustix::fs::openat(directory, layout::LOCK, UNTRUSTED_FILE | more, Mode::from_raw_mode(layout::ENTRY_MODE)) {
        Ok(file) if rustix::fs::fstat(&file).is_ok_and(is_file) => Ok(file),
        Ok(_) => Err(NoLockFile::AnotherKind),
        // The error depends on what is there.
        Err(errno) => match rustix::fs::statat(directory, layout::LOCK, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if !is_file(stat) => Err(NoLockFile::AnotherKind),
            _ => Err(NoLockFile::System(errno)),
        },
    }
}

/// Why there is no lock file to lock.
enum NoLockFile {
    /// Its name is that of something else than a file.
    AnotherKind,
    /// The error of the system.
    System(Errno),
}

impl NoLockFile {
    fn of(self, queue: &Path) -> OpenError {
        match self {
            NoLockFile::AnotherKind => OpenError::NotALockFile(lock_file(queue)),
            NoLockFile::System(errno) => OpenError::Io { doing: "lock", path: lock_file(queue), cause: errno.into() },
        }
    }
}

/// An open file description lock on a directory (F_OFD_SETLK of fcntl(2)). On a descriptor that is open only for
/// reading such a lock is shared, so a process that has claimed a directory checks whether another one has claimed it
/// too.
///
/// Must not be dropped in a forked process, because that would end the parent's lock.
#[derive(Debug)]
struct DirectoryLock {
    descriptor: OwnedFd,
    /// False on a file system without such locks. There is only the lock file then.
    is_supported: bool,
}

impl DirectoryLock {
    fn claim(descriptor: OwnedFd) -> DirectoryLock {
        let is_supported = fcntl(&descriptor, FcntlArg::F_OFD_SETLK(&whole(libc::F_RDLCK))).is_ok();
        DirectoryLock { descriptor, is_supported }
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // A forked process may have a copy of the descriptor, as with the lock file.
        let _ = fcntl(&self.descriptor, FcntlArg::F_OFD_SETLK(&whole(libc::F_UNLCK)));
    }
}

/// Whether a directory was claimed by another descriptor than this one. Asking changes nothing.
fn is_claimed(directory: BorrowedFd<'_>) -> bool {
    let mut found = whole(libc::F_WRLCK);
    fcntl(directory, FcntlArg::F_OFD_GETLK(&mut found)).is_ok() && i32::from(found.l_type) != libc::F_UNLCK
}

/// Whether this descriptor, or one that it is a copy of, is the one by which a directory is owned. Also true if the
/// directory has no owner. Safe in a signal handler.
pub fn holds_directory(directory: BorrowedFd<'_>) -> bool {
    // The system reports only locks that conflict with this descriptor, and its own do not.
    !is_claimed(directory)
}

/// A lock on all of a file.
fn whole(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Checks whether the lock file could be opened, without creating it.
pub(super) fn check(path: &Path, directory: BorrowedFd<'_>) -> Result<(), OpenError> {
    match open_file(directory, OFlags::empty()) {
        Ok(_) | Err(NoLockFile::System(Errno::NOENT)) => Ok(()),
        Err(cause) => Err(cause.of(path)),
    }
}

/// Tells whether a process owns a directory. Creates no lock file: it would belong to the user who asks, and the
/// broadcaster might not be allowed to open it.
pub(crate) fn is_taken(queue: &Path) -> bool {
    open(queue).is_ok_and(|directory| {
        let file = || open_file(directory.as_fd(), OFlags::empty());
        is_claimed(directory.as_fd()) || file().is_ok_and(|file| is_locked(file.as_fd()))
    })
}

/// The file that the consumer of a directory holds locked.
pub fn lock_file(queue: &Path) -> PathBuf {
    queue.join(layout::LOCK)
}

fn open(queue: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(queue, DIRECTORY, Mode::empty())
}

fn is_locked(file: BorrowedFd<'_>) -> bool {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        // A process that is forked at this moment has a copy, and must not keep the lock.
        Ok(()) => rustix::fs::flock(file, FlockOperation::Unlock).is_err(),
        Err(errno) => errno == Errno::WOULDBLOCK,
    }
}

#[cfg(test)]
mod tests;
