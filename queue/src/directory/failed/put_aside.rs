//! Moves an entry that is no event into the failed folder.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

use super::reason;
use crate::descriptor::DIRECTORY;
use crate::directory::entry::FileName;
use crate::directory::{create, naming};
use crate::entry_error::EntryError;
use crate::layout;
use crate::queued_at::Now;

/// What happened to an entry that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It is in the failed folder.
    PutAside,
    /// It was deleted or overwritten meanwhile. What was written under its name is another entry, and waits.
    NotThere,
}

/// Moves an entry of an open queue directory into the failed folder. The reason is written first: a crash between the
/// two leaves a reason without an entry, never an entry without a reason. An entry of the same name that is there
/// already stays.
pub(in crate::directory) fn put_aside(
    queue: BorrowedFd<'_>,
    name: &FileName,
    reason: &EntryError,
) -> io::Result<Rejected> {
    let folder = open_or_create(queue)?;
    let kind_of = |file: &OsStr| match rustix::fs::statat(&folder, file, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        found => found.map(|stat| Some(FileType::from_raw_mode(stat.st_mode))),
    };
    let kind_of_reason = kind_of(&layout::reason_name(name.as_os_str()))?;
    // A directory under the reason's name cannot be replaced by the reason, and is not ours.
    let (target, reason) = if kind_of(name.as_os_str())?.is_some() || kind_of_reason == Some(FileType::Directory) {
        (FileName::at(Now::read(), name.form()), format!("{reason} (its name was {name})"))
    } else {
        (name.clone(), reason.to_string())
    };
    reason::write(folder.as_fd(), &target, &reason)?;
    match naming::take_away(queue, name.as_os_str(), folder.as_fd(), target.as_os_str()) {
        Err(Errno::NOENT) => {
            reason::remove(folder.as_fd(), &target);
            return Ok(Rejected::NotThere);
        }
        moved => moved?,
    }
    // Older versions count the age from the modification time. It cannot be set on every file.
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: now };
    let _ = rustix::fs::utimensat(&folder, target.as_os_str(), &times, AtFlags::SYMLINK_NOFOLLOW);
    Ok(Rejected::PutAside)
}

fn open_or_create(queue: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Links are not followed: any process that can write to the queue could make the folder a link to anywhere.
    let open = || rustix::fs::openat(queue, layout::FAILED, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    match create::create_folder(queue, layout::FAILED) {
        Ok(()) | Err(Errno::EXIST) => Ok(open()?),
        Err(errno) => Err(errno.into()),
    }
}
