//! Moves an entry that is no event into the failed folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

use super::reason;
use crate::descriptor::{DIRECTORY, clear_of_standard};
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
    let kind_of_reason = kind_of(&folder, &layout::reason_name(name.as_os_str()))?;
    // A directory under the reason's name cannot be replaced by the reason, and is not ours.
    let (target, reason) =
        if kind_of(&folder, name.as_os_str())?.is_some() || kind_of_reason == Some(FileType::Directory) {
            (FileName::at(Now::read(), name.form()), format!("{reason} (its name was {name})"))
        } else {
            (name.clone(), reason.to_string())
        };
    move_file(queue, &folder, name.as_os_str(), &target, &reason)
}

/// Moves a file that has the name of a segment of the journal, and cannot be one, into the failed folder.
pub(crate) fn put_aside_segment(
    queue: BorrowedFd<'_>,
    journal: BorrowedFd<'_>,
    name: &OsStr,
    reason: &EntryError,
) -> io::Result<Rejected> {
    // Names of segments are not used twice.
    move_file(journal, &open_or_create(queue)?, name, &FileName::new(name), &reason.to_string())
}

/// Writes what was an entry without a file into the failed folder. If it is there already, a process before was ended
/// between this and the ack.
pub(crate) fn put_aside_content(
    queue: BorrowedFd<'_>,
    name: &FileName,
    reason: &EntryError,
    content: impl Read,
) -> io::Result<Rejected> {
    let folder = open_or_create(queue)?;
    if kind_of(&folder, name.as_os_str())?.is_none() {
        reason::write(folder.as_fd(), name, &reason.to_string())?;
        write_entry(folder.as_fd(), name, content)?;
    }
    Ok(Rejected::PutAside)
}

/// Writes a complete file with the name of an entry into a folder. One that is there already stays.
pub(crate) fn write_entry(folder: BorrowedFd<'_>, name: &FileName, mut content: impl Read) -> io::Result<()> {
    let temporary = layout::temporary_name(name.as_os_str());
    // One that a process left which ended meanwhile.
    match rustix::fs::unlinkat(folder, &temporary, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::openat(folder, &temporary, flags, Mode::from_raw_mode(layout::ENTRY_MODE))?;
    let mut file = File::from(clear_of_standard(file));
    let written = io::copy(&mut content, &mut file).and_then(|_| {
        match naming::publish(folder, Path::new(&temporary), folder, Path::new(name.as_os_str())) {
            Err(Errno::EXIST) => Ok(rustix::fs::unlinkat(folder, &temporary, AtFlags::empty())?),
            published => Ok(published?),
        }
    });
    written.inspect_err(|_| {
        // The first error is the one to report.
        let _ = rustix::fs::unlinkat(folder, &temporary, AtFlags::empty());
    })
}

fn kind_of(folder: &OwnedFd, file: &OsStr) -> io::Result<Option<FileType>> {
    match rustix::fs::statat(folder, file, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        found => Ok(Some(FileType::from_raw_mode(found?.st_mode))),
    }
}

fn move_file(
    from: BorrowedFd<'_>,
    folder: &OwnedFd,
    name: &OsStr,
    target: &FileName,
    reason: &str,
) -> io::Result<Rejected> {
    reason::write(folder.as_fd(), target, reason)?;
    match naming::take_away(from, name, folder.as_fd(), target.as_os_str()) {
        Err(Errno::NOENT) => {
            reason::remove(folder.as_fd(), target);
            return Ok(Rejected::NotThere);
        }
        moved => moved?,
    }
    // Older versions count the age from the modification time. It cannot be set on every file.
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: now };
    let _ = rustix::fs::utimensat(folder, target.as_os_str(), &times, AtFlags::SYMLINK_NOFOLLOW);
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
