//! The failed folder: entries that are no events, and files that cannot be segments of the journal, each with its
//! reason, until an operator puts them back or deletes them, or they are too many or too old.

mod put_aside;
mod reason;
mod remove;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat};
use rustix::io::Errno;
use thiserror::Error;

use crate::descriptor::{DIRECTORY, UNTRUSTED_FILE};
use crate::directory::entry::FileName;
use crate::directory::naming;
use crate::entry_error::EntryError;
use crate::layout;
use crate::printable::shown;

pub use put_aside::Rejected;
pub(super) use put_aside::put_aside;
pub(crate) use put_aside::{put_aside_content, put_aside_segment, write_entry};

/// The failed folder of a queue directory.
#[derive(Debug)]
pub struct Failed {
    path: PathBuf,
    queue: OwnedFd,
    folder: OwnedFd,
}

/// One rejected entry.
#[derive(Debug, Clone)]
pub struct FailedEntry {
    /// Its file name, the same as it had in the queue.
    pub name: FileName,
    /// Why it was rejected.
    pub reason: String,
    /// Bytes of the entry.
    pub bytes: u64,
    /// How long ago it was rejected.
    pub age: Duration,
}

/// The file of a rejected entry. They sort by age, oldest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    rejected: SystemTime,
    name: FileName,
    bytes: u64,
}

/// The largest entry whose content is read into memory.
const MAX_READ_BYTES: u64 = 64 * 1024 * 1024;

/// Why the failed folder could not be used.
#[derive(Debug, Error)]
#[error("cannot {doing} {}: {cause}", shown(.path))]
pub struct FailedError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    cause: io::Error,
}

impl Failed {
    /// Opens the folder of a queue directory. None if nothing was ever rejected.
    ///
    /// # Errors
    /// When the directory or the folder cannot be read.
    pub fn open(queue: &Path) -> Result<Option<Failed>, FailedError> {
        let directory = rustix::fs::open(queue, DIRECTORY, Mode::empty()).map_err(failed("open", queue))?;
        let path = queue.join(layout::FAILED);
        match rustix::fs::openat(&directory, layout::FAILED, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(folder) => Ok(Some(Failed { path, queue: directory, folder })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("open", &path)(errno)),
        }
    }

    /// The rejected entries, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<FailedEntry>, FailedError> {
        let now = SystemTime::now();
        let files = self.files()?.into_iter().map(|File { rejected, name, bytes }| {
            let age = now.duration_since(rejected).unwrap_or_default();
            let reason = reason::read(self.folder.as_fd(), &name).unwrap_or_else(|| "unknown".to_owned());
            FailedEntry { reason, name, bytes, age }
        });
        Ok(files.collect())
    }

    /// How many entries were rejected. Reads no reasons.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn count(&self) -> Result<usize, FailedError> {
        self.files().map(|files| files.len())
    }

    /// The files of rejected entries, oldest first.
    fn files(&self) -> Result<Vec<File>, FailedError> {
        let mut files = Vec::new();
        for file in Dir::read_from(&self.folder).map_err(failed("read", &self.path))? {
            let file = file.map_err(failed("read", &self.path))?;
            let name = OsStr::from_bytes(file.file_name().to_bytes());
            let name = FileName::new(name);
            if !layout::is_entry(name.as_os_str()) && !name.is_segment() {
                continue;
            }
            // An entry that was put back or deleted meanwhile is gone.
            let Ok(stat) = rustix::fs::statat(&self.folder, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            files.push(File { rejected: rejected_at(&stat), name, bytes: stat.st_size as u64 });
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Finds the entry for a name as it is listed. The listed name differs from the real one if that has characters
    /// that are escaped.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(&self, listed: FileName) -> Result<FileName, FailedError> {
        if fs::symlink_metadata(self.path.join(listed.as_os_str())).is_ok() {
            return Ok(listed);
        }
        let text = listed.to_string();
        let found = self.files()?.into_iter().map(|file| file.name).find(|name| name.to_string() == text);
        Ok(found.unwrap_or(listed))
    }

    /// The content of a rejected entry.
    ///
    /// # Errors
    /// When there is no such entry, it cannot be read, or it has more than 64 MiB: it may have been rejected for its
    /// size, and is read into memory.
    pub fn read(&self, name: &FileName) -> Result<Vec<u8>, FailedError> {
        self.content(name.as_os_str()).map_err(failed("read", &self.path.join(name.as_os_str())))
    }

    fn content(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        let file = fs::File::from(rustix::fs::openat(&self.folder, name, UNTRUSTED_FILE, Mode::empty())?);
        let mut size = file.metadata()?.len();
        let mut content = Vec::new();
        if size <= MAX_READ_BYTES {
            // The file can grow meanwhile, and a device has no size.
            size = file.take(MAX_READ_BYTES + 1).read_to_end(&mut content)? as u64;
        }
        if size > MAX_READ_BYTES {
            let error = EntryError::TooLarge { size, limit: MAX_READ_BYTES };
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
        }
        Ok(content)
    }

    /// Puts a rejected entry back into the queue, and a segment into the journal.
    ///
    /// # Errors
    /// When there is no such entry, it cannot be moved, or an entry of that name waits.
    pub fn retry(&self, name: &FileName) -> Result<(), FailedError> {
        let refused = |cause| FailedError { doing: "put back", path: self.path.join(name.as_os_str()), cause };
        let journal = if name.is_segment() { Some(self.journal().map_err(refused)?) } else { None };
        let target = journal.as_ref().unwrap_or(&self.queue).as_fd();
        // The reason is removed first: a broadcaster may reject the entry again at once, and its new reason must stay.
        let reason = reason::read(self.folder.as_fd(), name);
        reason::remove(self.folder.as_fd(), name);
        let file = Path::new(name.as_os_str());
        let moved = naming::publish(self.folder.as_fd(), file, target, file);
        moved.map_err(|errno| {
            if let Some(reason) = reason {
                // The first error is the one to report; an entry without a reason is still of use.
                let _ = reason::write(self.folder.as_fd(), name, &reason);
            }
            let cause = match errno {
                Errno::EXIST => {
                    let cause = "an entry of that name waits in the queue, try again when it is gone";
                    io::Error::new(io::ErrorKind::AlreadyExists, cause)
                }
                errno => errno.into(),
            };
            refused(cause)
        })
    }

    fn journal(&self) -> io::Result<OwnedFd> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        rustix::fs::openat(&self.queue, layout::JOURNAL, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => io::Error::new(io::ErrorKind::NotFound, "there is no journal: a broadcaster makes it"),
            errno => errno.into(),
        })
    }

    /// Deletes a rejected entry, and what is in it if it is a directory.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be deleted.
    pub fn drop_entry(&self, name: &FileName) -> Result<(), FailedError> {
        let path = self.path.join(name.as_os_str());
        remove::remove(self.folder.as_fd(), name.as_os_str()).map_err(failed("delete", &path))?;
        reason::remove(self.folder.as_fd(), name);
        Ok(())
    }

    /// Deletes the oldest entries beyond `max_entries`, and all that were rejected longer than `max_age` ago. Returns
    /// how many.
    ///
    /// # Errors
    /// When the folder cannot be read or an entry cannot be deleted. The other entries are deleted all the same.
    pub fn trim(&self, max_entries: usize, max_age: Duration) -> Result<usize, FailedError> {
        let files = self.files()?;
        let surplus = files.len().saturating_sub(max_entries);
        let (mut dropped, mut stuck) = (0, None);
        for file in files {
            if dropped < surplus || file.rejected.elapsed().is_ok_and(|age| age > max_age) {
                match self.drop_entry(&file.name) {
                    Ok(()) => dropped += 1,
                    Err(error) => stuck = stuck.or(Some(error)),
                }
            }
        }
        stuck.map_or(Ok(dropped), Err)
    }
}

/// When an entry was moved into the folder: the move sets the change time, and nothing can set it to another value. The
/// modification time may be long ago, as for an event that was restored from a backup.
fn rejected_at(stat: &Stat) -> SystemTime {
    let since = Duration::new(u64::try_from(stat.st_ctime).unwrap_or(0), stat.st_ctime_nsec as u32);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Makes the error of an operation that failed.
fn failed<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl Fn(E) -> FailedError {
    let path = path.to_owned();
    move |cause| FailedError { doing, path: path.clone(), cause: cause.into() }
}
