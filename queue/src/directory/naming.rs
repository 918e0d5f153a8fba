//! The commit point of an entry: a complete file gets the name under which readers find it. Also other moves that never
//! replace a file.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{Access, AtFlags, CWD, RenameFlags};
use rustix::io::Errno;

/// How an unnamed file gets its name in this process. The answer seldom changes while we run, and asking again would
/// cost a system call for each event.
static WAY: AtomicU8 = AtomicU8::new(BY_DESCRIPTOR);
/// By its descriptor alone: needs Linux 6.10, or a capability.
const BY_DESCRIPTOR: u8 = 0;
/// By its path in `/proc`.
const BY_PROC: u8 = 1;
/// Not at all: an older kernel, and no `/proc` (in a chroot).
const IMPOSSIBLE: u8 = 2;

/// Tells whether it is known that unnamed files cannot get a name in this process.
pub(super) fn is_impossible() -> bool {
    WAY.load(Ordering::Relaxed) == IMPOSSIBLE
}

/// Gives an unnamed file its name, unless that is taken.
///
/// # Errors
/// `EXIST` if the name is taken. Most other errors only mean that this way does not work: [`publish`] may still work.
pub(super) fn link(file: &OwnedFd, target: &Path) -> Result<(), Errno> {
    if WAY.load(Ordering::Relaxed) == BY_DESCRIPTOR {
        match rustix::fs::linkat(file.as_fd(), "", CWD, target, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
            answered => return answered,
        }
    }
    let linked = rustix::fs::linkat(CWD, in_proc(file), CWD, target, AtFlags::SYMLINK_FOLLOW);
    if linked.is_ok() {
        WAY.store(BY_PROC, Ordering::Relaxed);
    }
    linked
}

/// Notes that an unnamed file got no name although a named one did. Both together are possible only without `/proc`.
pub(super) fn note_impossible(file: &OwnedFd) {
    if rustix::fs::access(in_proc(file), Access::EXISTS).is_err() {
        WAY.store(IMPOSSIBLE, Ordering::Relaxed);
    }
}

fn in_proc(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Renames a file that only we use, unless the new name is taken, also when another process takes it at the same time.
///
/// # Errors
/// `EXIST` if the name is taken, or the error of the system.
pub(super) fn publish(from: BorrowedFd<'_>, name: &Path, to: BorrowedFd<'_>, target: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        answered => return answered,
    }
    // This file system does not know that flag. It refuses a second name as well if that is taken.
    match rustix::fs::linkat(from, name, to, target, AtFlags::empty()) {
        Ok(()) => {
            // Readers can see the new name already. A first name that stays is swept, or found and moved again.
            let _ = rustix::fs::unlinkat(from, name, AtFlags::empty());
            Ok(())
        }
        Err(Errno::EXIST) => Err(Errno::EXIST),
        // It has no links either, and no file system has links to directories. Almost no name is used twice.
        Err(_) => rename_after_check(from, name, to, target),
    }
}

/// Renames a file that others may overwrite meanwhile to a name that only we use, unless that is taken. It moves what
/// has the name at that moment, and never deletes anything.
///
/// # Errors
/// `EXIST` if the target is taken, or the error of the system.
pub(super) fn take_away(from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>, target: &OsStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => rename_after_check(from, Path::new(name), to, Path::new(target)),
        answered => answered,
    }
}

fn rename_after_check(from: BorrowedFd<'_>, name: &Path, to: BorrowedFd<'_>, target: &Path) -> Result<(), Errno> {
    match rustix::fs::statat(to, target, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(from, name, to, target),
        Err(errno) => Err(errno),
    }
}
