//! Deletes an entry that was delivered, and nothing that was written under its name since.

use std::os::fd::BorrowedFd;

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::directory::entry::FileName;
use crate::directory::file::Stamp;
use crate::directory::naming;
use crate::layout;
use crate::layout::Form;
use crate::queued_at::Now;

/// What the deletion found under the name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// There is no such entry any more.
    Gone,
    /// Another entry was written under the name. It has this name now.
    UsedAgain(FileName),
}

/// Deletes an entry if it is still as it was scanned.
pub(super) fn delete(directory: BorrowedFd<'_>, name: &FileName, scanned: Stamp) -> Result<Deleted, Errno> {
    // Producers never use such a name twice.
    if layout::is_producer_name(name.as_os_str()) {
        return unlink(directory, name);
    }
    // Renamed first, because it could be written again between a check and the deletion.
    let take_away = || naming::take_away(directory, name.as_os_str(), directory, layout::ACKED.as_ref());
    let taken = match take_away() {
        // An earlier deletion was interrupted.
        Err(Errno::EXIST) => restore(directory).and_then(|_| take_away()),
        taken => taken,
    };
    match taken {
        Ok(()) | Err(Errno::NOENT) => {}
        // There may be no space for another name. Then a check has to be enough.
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
        // Most likely it is the file whose deletion was interrupted.
        Ok(_) => Ok(restore(directory)?.map_or(Deleted::Gone, Deleted::UsedAgain)),
        Err(Errno::NOENT) => Ok(Deleted::Gone),
        Err(errno) => Err(errno),
    }
}

/// Gives a file that was taken away its name again, or a new one if another file has that name already.
fn put_back(directory: BorrowedFd<'_>, name: &FileName) -> Result<FileName, Errno> {
    if naming::publish(directory, layout::ACKED.as_ref(), directory, name.as_os_str().as_ref()).is_ok() {
        return Ok(name.clone());
    }
    restore(directory).map(|new| new.unwrap_or_else(|| name.clone()))
}

/// Gives a file that an interrupted deletion took away the name of an entry: it may be an event that was never read.
/// Returns the name, or none if there is no such file.
pub(super) fn restore(directory: BorrowedFd<'_>) -> Result<Option<FileName>, Errno> {
    // Names of entries of several events are never used again, so none of them was taken away.
    let new = FileName::at(Now::read(), Form::Event);
    match naming::take_away(directory, layout::ACKED.as_ref(), directory, new.as_os_str()) {
        Ok(()) => Ok(Some(new)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn unlink(directory: BorrowedFd<'_>, name: &FileName) -> Result<Deleted, Errno> {
    match rustix::fs::unlinkat(directory, name.as_os_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(Deleted::Gone),
        Err(errno) => Err(errno),
    }
}
