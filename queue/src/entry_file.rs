//! One file of the directory: read, judged, dated. It comes from whoever may write there, and is not trusted.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::attempt::{self, BEGINNING};
use crate::clock::Clock;
use crate::entry::{EntryError, EntryName, QueuedAt};
use crate::event::Event;
use crate::layout;

/// A producer needs milliseconds between creating its temporary file and renaming it.
const TEMPORARY_AGE: Duration = Duration::from_secs(15 * 60);

/// What shows that a file is still the one that was looked at, and as it was then. Not when its owner or mode was changed:
/// many producers do that when they have written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(crate) fn new(stat: &Stat) -> Stamp {
        let modified = (stat.st_mtime, stat.st_mtime_nsec as i64);
        Stamp { inode: stat.st_ino, size: stat.st_size.unsigned_abs(), modified }
    }

    /// What a name stands for now. None when it stands for nothing, or nobody tells.
    pub(crate) fn of(directory: BorrowedFd<'_>, name: &EntryName) -> Option<Stamp> {
        rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Stamp::new(&stat))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// When the file was written, as it says.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        let (secs, nanos) = self.modified;
        let secs = u64::try_from(secs).unwrap_or(0);
        SystemTime::UNIX_EPOCH.checked_add(Duration::new(secs, u32::try_from(nanos).unwrap_or(0)))
    }
}

/// A file as it was found.
pub(crate) struct Found {
    pub(crate) stamp: Stamp,
    /// The event, or why there is none.
    pub(crate) event: Result<Event, EntryError>,
}

/// Deletes what a producer left behind that died while writing, if nobody can still be writing it.
pub(crate) fn sweep(directory: BorrowedFd<'_>, temporary: &OsStr, clock: &Clock) {
    // What cannot be swept costs only its space; the next listing tries again.
    if let Ok(stat) = rustix::fs::statat(directory, temporary, AtFlags::SYMLINK_NOFOLLOW)
        && clock.age(Stamp::new(&stat).modified()) > TEMPORARY_AGE
    {
        let _ = rustix::fs::unlinkat(directory, temporary, AtFlags::empty());
    }
}

/// Reads and parses one. None when somebody removed it. The buffer holds the content then, or how it begins if it is too large,
/// or nothing if it cannot be read.
pub(crate) fn read(
    directory: BorrowedFd<'_>,
    name: &EntryName,
    max_event_bytes: u64,
    buffer: &mut Vec<u8>,
) -> Result<Option<Found>, Errno> {
    buffer.clear();
    // Whoever plants a link or a pipe must not make us read another file, or wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(directory, name.as_os_str(), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO) => return not_read(directory, name, EntryError::NotAFile),
        Err(errno) => return unreadable(directory, name, errno),
    };
    let stat = rustix::fs::fstat(&file)?;
    let stamp = Stamp::new(&stat);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Some(Found { stamp, event: Err(EntryError::NotAFile) }));
    }
    let size = stamp.size;
    let is_too_large = size > max_event_bytes;
    let wanted = if is_too_large { BEGINNING } else { size as usize };
    if let Err(errno) = read_all(&file, wanted, buffer) {
        buffer.clear();
        return unreadable(directory, name, errno);
    }
    let event =
        if is_too_large { Err(EntryError::TooLarge { size, limit: max_event_bytes }) } else { Event::parse(buffer) };
    Ok(Some(Found { stamp, event }))
}

/// Whether a scan takes a file: as an event, or as an attempt at one. Of what nobody can tell it is true.
pub(crate) fn is_ours(directory: BorrowedFd<'_>, name: &EntryName, max_event_bytes: u64, buffer: &mut Vec<u8>) -> bool {
    layout::is_producer_name(name.as_os_str())
        || match read(directory, name, max_event_bytes, buffer) {
            Ok(Some(Found { event: Err(_), .. })) => attempt::is_attempt(name, buffer),
            Ok(_) | Err(_) => true,
        }
}

/// What becomes of an entry that the system does not let us read.
fn unreadable(directory: BorrowedFd<'_>, name: &EntryName, errno: Errno) -> Result<Option<Found>, Errno> {
    // We are short of something; the file is not to blame.
    if matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR) {
        return Err(errno);
    }
    // The others must not wait for ever behind one file that, for example, another user may not read.
    not_read(directory, name, EntryError::Unreadable(errno.into()))
}

fn not_read(directory: BorrowedFd<'_>, name: &EntryName, error: EntryError) -> Result<Option<Found>, Errno> {
    match rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Found { stamp: Stamp::new(&stat), event: Err(error) })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Reads as much of a file as it had when its size was asked.
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

/// When an entry was queued: what its name says; of one of another producer, what its content says, or else when the file
/// was last written.
pub(crate) fn queued_at(directory: BorrowedFd<'_>, name: &EntryName, max_event_bytes: u64) -> QueuedAt {
    if let Some(queued_at) = layout::queued_at(name.as_os_str()) {
        return queued_at;
    }
    let found = read(directory, name, max_event_bytes, &mut Vec::new()).ok().flatten();
    let told = found.as_ref().and_then(|found| found.event.as_ref().ok()?.queued_at());
    let written = || {
        let modified = found.as_ref()?.stamp.modified()?;
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(QueuedAt::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)))
    };
    told.or_else(written).unwrap_or(QueuedAt::from_nanos(0))
}
