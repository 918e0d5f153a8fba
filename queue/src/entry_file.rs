//! One file of the directory: read, judged, dated. It comes from whoever may write there, and is not trusted.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::entry::{EntryError, EntryName, QueuedAt};
use crate::event::Event;
use crate::layout;
use crate::reader::ReaderOptions;

/// A producer needs milliseconds between creating its temporary file and renaming it.
const TEMPORARY_AGE: Duration = Duration::from_secs(15 * 60);

/// What became of a file between listing and reading.
pub(crate) enum Content {
    Read(Result<Event, EntryError>),
    /// It does not parse, and its producer may still be writing it.
    Incomplete,
    /// Somebody else removed it.
    Gone,
}

/// Deletes what a producer left behind that died while writing, if nobody can still be writing it.
pub(crate) fn sweep(directory: BorrowedFd<'_>, temporary: &OsStr) {
    // What cannot be swept costs only its space; the next listing tries again.
    if let Ok(stat) = rustix::fs::statat(directory, temporary, AtFlags::SYMLINK_NOFOLLOW)
        && age(&stat) > TEMPORARY_AGE
    {
        let _ = rustix::fs::unlinkat(directory, temporary, AtFlags::empty());
    }
}

/// Reads and parses one. Other content than [`Content::Read`] is to be looked at again, or no more.
pub(crate) fn read(
    directory: BorrowedFd<'_>,
    name: &EntryName,
    options: &ReaderOptions,
    buffer: &mut Vec<u8>,
) -> Result<Content, Errno> {
    // Whoever plants a link or a pipe must not make us read another file, or wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(directory, name.as_os_str(), flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(Content::Gone),
        Err(Errno::LOOP | Errno::NXIO) => return Ok(Content::Read(Err(EntryError::NotAFile))),
        Err(errno) => return unreadable(directory, name, options, errno),
    };
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Content::Read(Err(EntryError::NotAFile)));
    }
    let size = stat.st_size.unsigned_abs();
    if size > options.max_event_bytes {
        return Ok(Content::Read(Err(EntryError::TooLarge { size, limit: options.max_event_bytes })));
    }
    if let Err(errno) = read_all(&file, size as usize, buffer) {
        return unreadable(directory, name, options, errno);
    }
    match Event::parse(buffer) {
        Err(error) if error.may_be_incomplete() && age(&stat) < options.grace => Ok(Content::Incomplete),
        parsed => Ok(Content::Read(parsed)),
    }
}

/// What becomes of an entry that the system does not let us read.
fn unreadable(
    directory: BorrowedFd<'_>,
    name: &EntryName,
    options: &ReaderOptions,
    errno: Errno,
) -> Result<Content, Errno> {
    // We are short of something; the file is not to blame.
    if matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR) {
        return Err(errno);
    }
    // The others must not wait for ever behind one file that, for example, another user may not read.
    match rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if age(&stat) < options.grace => Ok(Content::Incomplete),
        Ok(_) => Ok(Content::Read(Err(EntryError::Unreadable(errno.into())))),
        Err(Errno::NOENT) => Ok(Content::Gone),
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
pub(crate) fn queued_at(directory: BorrowedFd<'_>, name: &EntryName, options: &ReaderOptions) -> QueuedAt {
    if let Some(queued_at) = layout::queued_at(name.as_os_str()) {
        return queued_at;
    }
    if let Ok(Content::Read(Ok(event))) = read(directory, name, options, &mut Vec::new())
        && let Some(queued_at) = event.queued_at()
    {
        return queued_at;
    }
    let stat = rustix::fs::statat(directory, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW);
    stat.map_or(QueuedAt::from_nanos(0), |stat| {
        let secs = u64::try_from(stat.st_mtime).unwrap_or(0);
        QueuedAt::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(u64::from(stat.st_mtime_nsec as u32)))
    })
}

fn age(stat: &Stat) -> Duration {
    // Producers can set any time, even one that no clock shows: before 1970 is old, and the future is young.
    let Ok(secs) = u64::try_from(stat.st_mtime) else { return Duration::MAX };
    let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::new(secs, stat.st_mtime_nsec as u32));
    modified.and_then(|modified| modified.elapsed().ok()).unwrap_or_default()
}
