//! The commit point of an entry: a file that is complete gets the name under which readers find it. And other moves that replace
//! nothing.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{Access, AtFlags, CWD, RenameFlags};
use rustix::io::Errno;

/// How an unnamed file gets its name here. The answer seldom changes while we run, and asking again would cost every event
/// a system call.
static WAY: AtomicU8 = AtomicU8::new(BY_DESCRIPTOR);
/// By its descriptor alone: needs Linux 6.10, or a capability.
const BY_DESCRIPTOR: u8 = 0;
/// By its path in `/proc`.
const BY_PROC: u8 = 1;
/// Not at all: an older kernel, and no `/proc` (in a chroot).
const IMPOSSIBLE: u8 = 2;

/// Tells whether it is known that unnamed files cannot get a name here.
pub(crate) fn is_impossible() -> bool {
    WAY.load(Ordering::Relaxed) == IMPOSSIBLE
}

/// Gives an unnamed file its name, unless that is taken.
///
/// # Errors
/// `EXIST` if the name is taken. Most others say no more than that this way is closed: [`publish`] may work all the same.
pub(crate) fn link(file: &OwnedFd, target: &Path) -> Result<(), Errno> {
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

/// Notes that an unnamed file got no name and a named one did: both are possible only without `/proc`.
pub(crate) fn note_impossible(file: &OwnedFd) {
    if rustix::fs::access(in_proc(file), Access::EXISTS).is_err() {
        WAY.store(IMPOSSIBLE, Ordering::Relaxed);
    }
}

fn in_proc(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Gives a file that only we use a name that others may take meanwhile, unless it is taken.
///
/// # Errors
/// `EXIST` if the name is taken, or what the system said.
pub(crate) fn publish(from: BorrowedFd<'_>, name: &Path, to: BorrowedFd<'_>, target: &Path) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        answered => return answered,
    }
    // This file system does not know that flag. A second name is refused as well if it is taken.
    match rustix::fs::linkat(from, name, to, target, AtFlags::empty()) {
        Ok(()) => {
            // Its new name has been seen. A first name that stays is swept, or found and moved again.
            let _ = rustix::fs::unlinkat(from, name, AtFlags::empty());
            Ok(())
        }
        Err(Errno::EXIST) => Err(Errno::EXIST),
        // Nor links, of directories none does. Almost no names are given twice.
        Err(_) => rename_after_a_look(from, name, to, target),
    }
}

/// Moves a file that others may overwrite meanwhile to a name that nobody else gives, unless that is taken. It takes away what has the
/// name then, and never deletes anything.
///
/// # Errors
/// `EXIST` if the target is taken, or what the system said.
pub(crate) fn take_away(from: BorrowedFd<'_>, name: &OsStr, to: BorrowedFd<'_>, target: &OsStr) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, target, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => rename_after_a_look(from, Path::new(name), to, Path::new(target)),
        answered => answered,
    }
}

fn rename_after_a_look(from: BorrowedFd<'_>, name: &Path, to: BorrowedFd<'_>, target: &Path) -> Result<(), Errno> {
    match rustix::fs::statat(to, target, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => rustix::fs::renameat(from, name, to, target),
        Err(errno) => Err(errno),
    }
}
