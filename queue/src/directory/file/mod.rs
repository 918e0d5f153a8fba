//! One file of the directory: how it is read, and when it was queued. Any process that may write there can have made
//! it, so it is not trusted.

pub(crate) mod attempt;
mod stamp;

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::descriptor::UNTRUSTED_FILE;
use crate::directory::entry::{FileName, parse_entry};
use crate::entry_error::EntryError;
use crate::event::Event;
use crate::layout::{self, Form};
use crate::queued_at::QueuedAt;

pub(crate) use stamp::Stamp;

/// A file as it was found.
pub(crate) struct Found {
    pub(crate) stamp: Stamp,
    /// The events, or why there are none.
    pub(crate) events: Result<Vec<Event>, EntryError>,
}

/// Reads and parses a file. None if it was removed. Afterwards the buffer has the content, or the beginning of a file
/// that is too large, or nothing if the file cannot be read.
pub(crate) fn read(
    directory: BorrowedFd<'_>,
    name: &FileName,
    max_event_bytes: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<Found>, Errno> {
    buffer.clear();
    let file = match rustix::fs::openat(directory, name.as_os_str(), UNTRUSTED_FILE, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO) => return not_read(directory, name, EntryError::NotAFile),
        Err(errno) => return unreadable(directory, name, errno),
    };
    let stat = rustix::fs::fstat(&file)?;
    let stamp = Stamp::new(&stat);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Some(Found { stamp, events: Err(EntryError::NotAFile) }));
    }
    let size = stamp.size();
    let is_too_large = size > max_event_bytes;
    let wanted = if is_too_large { attempt::BEGINNING } else { size as usize };
    if let Err(errno) = read_all(&file, wanted, buffer) {
        buffer.clear();
        return unreadable(directory, name, errno);
    }
    let events = if is_too_large {
        Err(EntryError::TooLarge { size, limit: max_event_bytes })
    } else {
        parse_entry(name, buffer, stamp.modified(), max_event_bytes)
    };
    Ok(Some(Found { stamp, events }))
}

/// Tells whether a scan takes a file, as an event or as an attempt at one. True if the file cannot be examined.
pub(crate) fn is_ours(directory: BorrowedFd<'_>, name: &FileName, max_event_bytes: u64, buffer: &mut Vec<u8>) -> bool {
    layout::is_producer_name(name.as_os_str())
        || match read(directory, name, max_event_bytes, buffer) {
            Ok(Some(Found { events: Err(_), .. })) => attempt::is_attempt(name, buffer),
            Ok(_) | Err(_) => true,
        }
}

/// How many events an entry holds. One that holds none, or cannot be read, counts as one.
pub(crate) fn count_events(
    directory: BorrowedFd<'_>,
    name: &FileName,
    max_event_bytes: u64,
    buffer: &mut Vec<u8>,
) -> usize {
    // That there is one event in an entry of one event is known without reading it.
    let Form::Lines(_) = name.form() else { return 1 };
    match read(directory, name, max_event_bytes, buffer) {
        Ok(Some(Found { events: Ok(events), .. })) => events.len(),
        _ => 1,
    }
}

/// The result for an entry that the system does not let us read.
fn unreadable(directory: BorrowedFd<'_>, name: &FileName, errno: Errno) -> Result<Option<Found>, Errno> {
    // This process or the system lacks something; the file is not the cause.
    if matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR) {
        return Err(errno);
    }
    // One file that, for example, only another user may read must not block the others for ever.
    not_read(directory, name, EntryError::Unreadable(errno.into()))
}

fn not_read(directory: BorrowedFd<'_>, name: &FileName, error: EntryError) -> Result<Option<Found>, Errno> {
    match rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Found { stamp: Stamp::new(&stat), events: Err(error) })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Reads as many bytes as the file had when its size was read, or fewer if it has become shorter.
fn read_all(file: &OwnedFd, size: usize, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    buffer.resize(size, 0);
    let mut filled = 0;
    while filled < size {
        match rustix::io::read(file, &mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    buffer.truncate(filled);
    Ok(())
}

/// When an entry was queued: by its name if our producer made it, else by its content, else by when the file was last
/// written.
pub(crate) fn queued_at(directory: BorrowedFd<'_>, name: &FileName, max_event_bytes: u64) -> QueuedAt {
    if let Some(queued_at) = layout::queued_at(name.as_os_str()) {
        return queued_at;
    }
    let found = read(directory, name, max_event_bytes, &mut Vec::new()).ok().flatten();
    let in_content = found.as_ref().and_then(|found| found.events.as_ref().ok()?.first()?.queued_at());
    let written = || found.as_ref()?.stamp.modified().map(QueuedAt::from_system);
    in_content.or_else(written).unwrap_or(QueuedAt::from_nanos(0))
}
