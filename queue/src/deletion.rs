//! Deletes an entry that was delivered, and nothing that somebody wrote under its name since.

use std::os::fd::BorrowedFd;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::entry::EntryName;
use crate::entry_file::Stamp;
use crate::layout::{self, Now};
use crate::naming;

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
    let take_away = || naming::take_away(directory, name.as_os_str(), directory, layout::ACKED.as_ref());
    let taken = match take_away() {
        // An earlier deletion was interrupted.
        Err(Errno::EXIST) => restore(directory).and_then(|_| take_away()),
        taken => taken,
    };
    match taken {
        Ok(()) | Err(Errno::NOENT) => {}
        // There may be no room for another name. Either the look suffices, or this fails as well.
        Err(_) if Stamp::of(directory, name).is_some_and(|stamp| stamp != scanned) => {
            return Ok(Deleted::UsedAgain(name.clone()));
        }
        Err(_) => return unlink(directory, name),
    }
    match rustix::fs::statat(directory, layout::ACKED, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if Stamp::new(&stat) == scanned => {
            rustix::fs::unlinkat(directory, layout::ACKED, AtFlags::empty())?;
            Ok(Deleted::Gone)
        }
        Ok(_) if taken.is_ok() => put_back(directory, name).map(Deleted::UsedAgain),
        // It was this one whose deletion was interrupted, most likely.
        Ok(_) => Ok(restore(directory)?.map_or(Deleted::Gone, Deleted::UsedAgain)),
        Err(Errno::NOENT) => Ok(Deleted::Gone),
        Err(errno) => Err(errno),
    }
}

/// Gives what was taken away its name again, or a new one if somebody was faster.
fn put_back(directory: BorrowedFd<'_>, name: &EntryName) -> Result<EntryName, Errno> {
    if naming::publish(directory, layout::ACKED.as_ref(), directory, name.as_os_str().as_ref()).is_ok() {
        return Ok(name.clone());
    }
    restore(directory).map(|new| new.unwrap_or_else(|| name.clone()))
}

/// Gives what an interrupted deletion has taken away a name of an entry: it may be an event that nobody has read. Returns it, or none
/// if there is nothing.
pub(crate) fn restore(directory: BorrowedFd<'_>) -> Result<Option<EntryName>, Errno> {
    let new = layout::new_entry_name(Now::read());
    match naming::take_away(directory, layout::ACKED.as_ref(), directory, new.as_os_str()) {
        Ok(()) => Ok(Some(new)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn unlink(directory: BorrowedFd<'_>, name: &EntryName) -> Result<Deleted, Errno> {
    match rustix::fs::unlinkat(directory, name.as_os_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(Deleted::Gone),
        Err(errno) => Err(errno),
    }
}
