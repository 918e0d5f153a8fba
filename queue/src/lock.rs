//! Who consumes a directory, and who waits to. All of it ends with the value that holds it, or with the process.
//!
//! The one consumer holds two locks. The first is on a lock file, whose name can be deleted or replaced by whatever cleans up, and
//! whoever comes then locks another file. The second is on the directory itself, which is there as long as the queue is; older
//! versions know only the lock file and do not see it. So the consumer takes both, and looks whether the lock file is still the one it
//! holds.
//!
//! Each that waits holds the directory too, shared, by a lock of another kind: the one does not see the other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::descriptor::{DIRECTORY, clear_of_standard, is_same_file};
use crate::error::OpenError;
use crate::layout;

/// How often a lock file is locked that was deleted meanwhile, or a directory that somebody else has locked, before somebody else is
/// thought to be about to take or keep it.
const TRIES: usize = 16;

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
    /// What the system said, also that somebody has locked the directory for himself.
    pub fn announce(queue: &Path) -> io::Result<Standby> {
        let directory = open(queue)?;
        let mut tries = TRIES;
        // Who only asks has it for a moment. Who keeps it must not make us wait.
        while let Err(errno) = rustix::fs::flock(&directory, FlockOperation::NonBlockingLockShared) {
            tries -= 1;
            if errno != Errno::WOULDBLOCK || tries == 0 {
                return Err(errno.into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(Standby { _directory: Lock(directory) })
    }

    /// Tells whether somebody waits for a directory. The answer may be old when it arrives.
    pub fn is_announced(queue: &Path) -> bool {
        open(queue).is_ok_and(|directory| is_locked(directory.as_fd()))
    }
}

/// What the one consumer of a directory holds.
#[derive(Debug)]
pub(crate) struct Ownership {
    file: Lock,
    directory: DirectoryLock,
}

impl Ownership {
    /// Takes possession of a directory.
    pub(crate) fn take(path: &Path, directory: OwnedFd) -> Result<Ownership, OpenError> {
        let locked = || Err(OpenError::Locked(path.to_owned()));
        if is_claimed(directory.as_fd()) {
            return locked();
        }
        let file = take_file(path, directory.as_fd())?;
        // Two get here at once if the lock file is deleted in between. Each claims before it looks, so one sees the other, or both do.
        let directory = DirectoryLock::claim(directory);
        if is_claimed(directory.descriptor.as_fd()) {
            return locked();
        }
        Ok(Ownership { file, directory })
    }

    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.descriptor.as_fd()
    }

    /// Whether the lock file is there, and is the one that was locked.
    pub(crate) fn has_its_file(&self) -> bool {
        self.file.is_named_in(self.directory())
    }

    /// Whether the lock file is all that keeps others out.
    pub(crate) fn needs_its_file(&self) -> bool {
        !self.directory.is_supported
    }

    /// Takes the lock file again if it was deleted or replaced. Returns whether it was.
    pub(crate) fn keep(&mut self, path: &Path) -> Result<bool, OpenError> {
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

/// Locks the lock file, and looks afterwards whether it still is the lock file.
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

/// Opens the lock file, and nothing that somebody planted there to lead us elsewhere or make us wait.
fn open_file(directory: BorrowedFd<'_>, more: OFlags) -> Result<OwnedFd, NoLockFile> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | more;
    let is_file = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    match rustix::fs::openat(directory, layout::LOCK, flags, Mode::from_raw_mode(layout::ENTRY_MODE)) {
        Ok(file) if rustix::fs::fstat(&file).is_ok_and(is_file) => Ok(file),
        Ok(_) => Err(NoLockFile::AnotherKind),
        // How the system refuses depends on what is there.
        Err(errno) => match rustix::fs::statat(directory, layout::LOCK, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if !is_file(stat) => Err(NoLockFile::AnotherKind),
            _ => Err(NoLockFile::System(errno)),
        },
    }
}

/// Why there is no lock file to lock.
enum NoLockFile {
    /// Something else than a file has its name.
    AnotherKind,
    /// What the system said.
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

/// An open file description lock on a directory (F_OFD_SETLK of fcntl(2)). On what is open for reading only such a lock is a
/// shared one, so whoever claims a directory looks whether somebody else has claimed it as well.
///
/// Must not be dropped in a process that was forked: it would end the parent's lock.
#[derive(Debug)]
struct DirectoryLock {
    descriptor: OwnedFd,
    /// Not on every file system. The lock file has to do there.
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
        // For copies of the descriptor, as with the other.
        let _ = fcntl(&self.descriptor, FcntlArg::F_OFD_SETLK(&whole(libc::F_UNLCK)));
    }
}

/// Whether somebody has claimed a directory by another descriptor than this. To ask changes nothing.
fn is_claimed(directory: BorrowedFd<'_>) -> bool {
    let mut found = whole(libc::F_WRLCK);
    fcntl(directory, FcntlArg::F_OFD_GETLK(&mut found)).is_ok() && i32::from(found.l_type) != libc::F_UNLCK
}

/// Whether it is by this descriptor, or one that it is a copy of, that an owned directory is owned. Of one that nobody owns it is
/// true as well. Does only what is safe in a signal handler.
pub fn holds_directory(directory: BorrowedFd<'_>) -> bool {
    // The system tells of locks that are in the way of this descriptor's, and its own are not.
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

/// Looks whether the lock file could be opened, without making one.
pub(crate) fn check(path: &Path, directory: BorrowedFd<'_>) -> Result<(), OpenError> {
    match open_file(directory, OFlags::empty()) {
        Ok(_) | Err(NoLockFile::System(Errno::NOENT)) => Ok(()),
        Err(cause) => Err(cause.of(path)),
    }
}

/// Tells whether somebody owns a directory. Makes no lock file: it would belong to whoever asks, and the broadcaster might
/// not be allowed to open it.
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
        // A process that is forked now must not keep it.
        Ok(()) => rustix::fs::flock(file, FlockOperation::Unlock).is_err(),
        Err(errno) => errno == Errno::WOULDBLOCK,
    }
}

#[cfg(test)]
mod tests;
