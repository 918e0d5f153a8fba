//! The failed folder: entries that are no events, each with its reason, until somebody looks at them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

use crate::entry::{EntryError, EntryName};
use crate::{layout, make_dir};

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
    pub name: EntryName,
    /// Why it was rejected.
    pub reason: String,
    /// Bytes of the entry.
    pub bytes: u64,
    /// How long ago it was last written.
    pub age: Duration,
}

/// A rejected entry as its folder shows it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    modified: SystemTime,
    name: EntryName,
    bytes: u64,
}

/// What is read of a reason. Ours are shorter.
const MAX_REASON_BYTES: u64 = 4096;

/// Why the failed folder could not be used.
#[derive(Debug, Error)]
#[error("cannot {doing} {}: {cause}", .path.display())]
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
        let files = self.files()?.into_iter().map(|File { modified, name, bytes }| {
            let age = now.duration_since(modified).unwrap_or_default();
            FailedEntry { reason: self.reason(&name), name, bytes, age }
        });
        Ok(files.collect())
    }

    /// The files of rejected entries, oldest first.
    fn files(&self) -> Result<Vec<File>, FailedError> {
        let mut files = Vec::new();
        for file in Dir::read_from(&self.folder).map_err(failed("read", &self.path))? {
            let file = file.map_err(failed("read", &self.path))?;
            let name = OsStr::from_bytes(file.file_name().to_bytes());
            if !layout::is_entry(name) {
                continue;
            }
            // One that was retried or dropped meanwhile is not there any more.
            let Ok(metadata) = fs::symlink_metadata(self.path.join(name)) else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.push(File { modified, name: EntryName::new(name), bytes: metadata.len() });
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The content of a rejected entry.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be read.
    pub fn read(&self, name: &EntryName) -> Result<Vec<u8>, FailedError> {
        let mut content = Vec::new();
        self.open_file(name.as_os_str())
            .and_then(|mut file| file.read_to_end(&mut content))
            .map_err(|cause| FailedError { doing: "read", path: self.path.join(name.as_os_str()), cause })?;
        Ok(content)
    }

    /// Puts a rejected entry back into the queue.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be moved.
    pub fn retry(&self, name: &EntryName) -> Result<(), FailedError> {
        let name_on_disk = name.as_os_str();
        rustix::fs::renameat(&self.folder, name_on_disk, &self.queue, name_on_disk)
            .map_err(failed("put back", &self.path.join(name_on_disk)))?;
        self.forget_reason(name);
        Ok(())
    }

    /// Deletes a rejected entry.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be deleted.
    pub fn drop_entry(&self, name: &EntryName) -> Result<(), FailedError> {
        let path = self.path.join(name.as_os_str());
        match rustix::fs::unlinkat(&self.folder, name.as_os_str(), AtFlags::empty()) {
            // What was planted under an entry's name may be a directory.
            Err(Errno::ISDIR) => rustix::fs::unlinkat(&self.folder, name.as_os_str(), AtFlags::REMOVEDIR),
            unlinked => unlinked,
        }
        .map_err(failed("delete", &path))?;
        self.forget_reason(name);
        Ok(())
    }

    /// Deletes the oldest entries beyond `max_entries`, and all that are older than `max_age`. Returns how many.
    ///
    /// # Errors
    /// When the folder cannot be read or an entry not be deleted.
    pub fn trim(&self, max_entries: usize, max_age: Duration) -> Result<usize, FailedError> {
        let files = self.files()?;
        let surplus = files.len().saturating_sub(max_entries);
        let mut dropped = 0;
        for (index, file) in files.iter().enumerate() {
            if index < surplus || file.modified.elapsed().is_ok_and(|age| age > max_age) {
                self.drop_entry(&file.name)?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    fn reason(&self, name: &EntryName) -> String {
        let mut reason = String::new();
        let read = self
            .open_file(&layout::reason_name(name))
            .and_then(|file| file.take(MAX_REASON_BYTES).read_to_string(&mut reason));
        read.ok().and(reason.lines().next()).unwrap_or("unknown").to_owned()
    }

    /// Opens a file of the folder, and nothing that somebody planted there to lead us elsewhere or make us wait.
    fn open_file(&self, name: &OsStr) -> io::Result<fs::File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(fs::File::from(rustix::fs::openat(&self.folder, name, flags, Mode::empty())?))
    }

    fn forget_reason(&self, name: &EntryName) {
        // A reason that stays does no harm: it is overwritten or deleted with the next entry of that name.
        let _ = rustix::fs::unlinkat(&self.folder, layout::reason_name(name), AtFlags::empty());
    }
}

/// Moves an entry of an open queue directory into the failed folder, the reason first: a crash in between leaves a reason
/// without entry, never an entry without reason.
pub(crate) fn put_aside(queue: BorrowedFd<'_>, name: &EntryName, reason: &EntryError) -> io::Result<()> {
    let folder = open_or_create(queue)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(layout::ENTRY_MODE);
    let file = rustix::fs::openat(&folder, layout::reason_name(name), flags, mode)?;
    fs::File::from(file).write_all(format!("{reason}\n").as_bytes())?;
    match rustix::fs::renameat(queue, name.as_os_str(), &folder, name.as_os_str()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn open_or_create(queue: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Never followed: whoever can write to the queue could point the folder anywhere.
    let open = || rustix::fs::openat(queue, layout::FAILED, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    match make_dir::make_shared_dir_at(queue, layout::FAILED) {
        Ok(()) | Err(Errno::EXIST) => Ok(open()?),
        Err(errno) => Err(errno.into()),
    }
}

/// How many entries wait in a queue directory, and for how long the oldest has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Entries that wait, outstanding ones included.
    pub entries: usize,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
}

impl Backlog {
    /// Counts, without owning the directory.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn of(queue: &Path) -> io::Result<Backlog> {
        let mut backlog = Backlog::default();
        let mut oldest: Option<SystemTime> = None;
        for file in fs::read_dir(queue)? {
            let file = file?;
            if !layout::is_entry(&file.file_name()) {
                continue;
            }
            let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else { continue };
            backlog.entries += 1;
            oldest = Some(oldest.map_or(modified, |oldest| oldest.min(modified)));
        }
        backlog.oldest = oldest.map(|oldest| oldest.elapsed().unwrap_or_default());
        Ok(backlog)
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn failed(doing: &'static str, path: &Path) -> impl Fn(Errno) -> FailedError {
    let path = path.to_owned();
    move |errno| FailedError { doing, path: path.clone(), cause: errno.into() }
}
