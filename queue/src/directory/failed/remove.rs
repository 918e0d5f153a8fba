//! Deletes what is in the failed folder, also a directory that was put aside, and follows no link.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use crate::descriptor::DIRECTORY;

/// How deep the directories are that are deleted. Each level uses descriptors.
const MAX_DEPTH: usize = 16;

/// Deletes a file, or a directory with what is in it.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    remove_levels(parent, name, MAX_DEPTH)
}

fn remove_levels(parent: BorrowedFd<'_>, name: &OsStr, max_depth: usize) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        unlinked => return unlinked,
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) if max_depth > 0 => {}
        removed => return removed,
    }
    let directory = rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    for file in Dir::read_from(&directory)? {
        let file = file?;
        let name = OsStr::from_bytes(file.file_name().to_bytes());
        if name != "." && name != ".." {
            remove_levels(directory.as_fd(), name, max_depth - 1)?;
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}
