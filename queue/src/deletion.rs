//! Deletes an entry that was delivered, and nothing that somebody wrote under its name since.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use crate::entry::EntryName;
use crate::entry_file::Stamp;
use crate::layout::{self, Now};

/// What became of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// There is no such entry any more.
    Gone,
    /// It stands for another entry, or one under a new name has what was written.
    UsedAgain(EntryName),
}

/// Deletes an entry as it was scanned.
pub(crate) fn delete(directory: BorrowedFd<'_>, name: &EntryName, scanned: Stamp) -> Result<Deleted, Errno> {
    // Producers never give such a name twice.
    if layout::is_producer_name(name.as_os_str()) {
        return unlink(directory, name);
    }
    // Out of the way first: between a look and the deletion somebody could write it again.
    match rustix::fs::renameat(directory, name.as_os_str(), directory, layout::ACKED) {
        Ok(()) => {}
        Err(Errno::NOENT) => return Ok(Deleted::Gone),
        // There may be no room for another name. Either the look suffices, or this fails as well.
        Err(_) if Stamp::of(directory, name).is_some_and(|stamp| stamp != scanned) => {
            return Ok(Deleted::UsedAgain(name.clone()));
        }
        Err(_) => return unlink(directory, name),
    }
    let stat = rustix::fs::statat(directory, layout::ACKED, AtFlags::SYMLINK_NOFOLLOW)?;
    if Stamp::new(&stat) == scanned {
        rustix::fs::unlinkat(directory, layout::ACKED, AtFlags::empty())?;
        return Ok(Deleted::Gone);
    }
    put_back(directory, name).map(Deleted::UsedAgain)
}

/// Gives what was taken away its name again, or a new one if somebody was faster.
fn put_back(directory: BorrowedFd<'_>, name: &EntryName) -> Result<EntryName, Errno> {
    let rename = |target: &EntryName| {
        rustix::fs::renameat_with(directory, layout::ACKED, directory, target.as_os_str(), RenameFlags::NOREPLACE)
    };
    if rename(name).is_ok() {
        return Ok(name.clone());
    }
    let new = layout::new_entry_name(Now::read());
    // Nobody else gives that name, whatever the file system knows of the flag.
    rustix::fs::renameat(directory, layout::ACKED, directory, new.as_os_str())?;
    Ok(new)
}

fn unlink(directory: BorrowedFd<'_>, name: &EntryName) -> Result<Deleted, Errno> {
    match rustix::fs::unlinkat(directory, name.as_os_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(Deleted::Gone),
        Err(errno) => Err(errno),
    }
}
