//! The failed folder: entries that are no events, each with its reason, until somebody looks at them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;
use thiserror::Error;

use crate::create_directory;
use crate::descriptor::{DIRECTORY, clear_of_standard};
use crate::entry::{EntryError, EntryName};
use crate::layout::{self, Now};
use crate::naming;
use crate::printable::{printable, shown};

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
    /// How long ago it was rejected.
    pub age: Duration,
}

/// A rejected entry as its folder shows it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct File {
    rejected: SystemTime,
    name: EntryName,
    bytes: u64,
}

/// How deep the directories are that are deleted. Each level takes descriptors.
const MAX_DEPTH: usize = 16;
/// What is read of a reason. Ours are shorter.
const MAX_REASON_BYTES: u64 = 4096;

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
            FailedEntry { reason: self.reason(&name).unwrap_or_else(|| "unknown".to_owned()), name, bytes, age }
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
            if !layout::is_entry(name) {
                continue;
            }
            // One that was retried or dropped meanwhile is not there any more.
            let Ok(stat) = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            files.push(File { rejected: rejected_at(&stat), name: EntryName::new(name), bytes: stat.st_size as u64 });
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The entry of a name as it is listed, which is not its own if that has characters that cannot be shown.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn find(&self, listed: EntryName) -> Result<EntryName, FailedError> {
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
    /// When there is no such entry, it cannot be moved, or an entry of that name waits.
    pub fn retry(&self, name: &EntryName) -> Result<(), FailedError> {
        // First: a broadcaster may reject it again at once, and that reason must stay.
        let reason = self.reason(name);
        self.forget_reason(name);
        let file = Path::new(name.as_os_str());
        let moved = naming::publish(self.folder.as_fd(), file, self.queue.as_fd(), file);
        moved.map_err(|errno| {
            if let Some(reason) = reason {
                // The error that matters is the first one; an entry without a reason is of use as well.
                let _ = write_reason(self.folder.as_fd(), name, &reason);
            }
            let cause = match errno {
                Errno::EXIST => {
                    let cause = "an entry of that name waits in the queue, try again when it is gone";
                    io::Error::new(io::ErrorKind::AlreadyExists, cause)
                }
                errno => errno.into(),
            };
            FailedError { doing: "put back", path: self.path.join(name.as_os_str()), cause }
        })
    }

    /// Deletes a rejected entry, and what is in it if it is a directory.
    ///
    /// # Errors
    /// When there is no such entry, or it cannot be deleted.
    pub fn drop_entry(&self, name: &EntryName) -> Result<(), FailedError> {
        let path = self.path.join(name.as_os_str());
        remove(self.folder.as_fd(), name.as_os_str(), MAX_DEPTH).map_err(failed("delete", &path))?;
        self.forget_reason(name);
        Ok(())
    }

    /// Deletes the oldest entries beyond `max_entries`, and all that were rejected longer than `max_age` ago. Returns how many.
    ///
    /// # Errors
    /// When the folder cannot be read or an entry not be deleted. That stops no other from being deleted.
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

    /// Why an entry was rejected. None if nothing beside it says so.
    fn reason(&self, name: &EntryName) -> Option<String> {
        let mut reason = String::new();
        let read = self
            .open_file(&layout::reason_name(name))
            .and_then(|file| file.take(MAX_REASON_BYTES).read_to_string(&mut reason));
        read.ok().and(reason.lines().next()).map(|line| printable(line).into_owned())
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

/// What became of an entry that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It is in the failed folder.
    PutAside,
    /// It was deleted or overwritten meanwhile. What was written under its name is another entry, and waits.
    NotThere,
}

/// Moves an entry of an open queue directory into the failed folder, the reason first: a crash in between leaves a reason
/// without entry, never an entry without reason. An entry of the same name that is there already stays.
pub(crate) fn put_aside(queue: BorrowedFd<'_>, name: &EntryName, reason: &EntryError) -> io::Result<Rejected> {
    let folder = open_or_create(queue)?;
    let kind_of = |file: &OsStr| match rustix::fs::statat(&folder, file, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        found => found.map(|stat| Some(FileType::from_raw_mode(stat.st_mode))),
    };
    let kind_of_reason = kind_of(&layout::reason_name(name))?;
    // A directory cannot be replaced by a reason, and belongs to somebody.
    let (target, reason) = if kind_of(name.as_os_str())?.is_some() || kind_of_reason == Some(FileType::Directory) {
        (layout::new_entry_name(Now::read()), format!("{reason} (its name was {name})"))
    } else {
        (name.clone(), reason.to_string())
    };
    write_reason(folder.as_fd(), &target, &reason)?;
    match naming::take_away(queue, name.as_os_str(), folder.as_fd(), target.as_os_str()) {
        Err(Errno::NOENT) => {
            let _ = rustix::fs::unlinkat(&folder, layout::reason_name(&target), AtFlags::empty());
            return Ok(Rejected::NotThere);
        }
        moved => moved?,
    }
    // Older versions count the age from this time, and not from the move. Not every file is ours to touch.
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }, last_modification: now };
    let _ = rustix::fs::utimensat(&folder, target.as_os_str(), &times, AtFlags::SYMLINK_NOFOLLOW);
    Ok(Rejected::PutAside)
}

/// Writes the reason into a file of its own: what has its name may be a pipe, which would make us wait, or another name of a file
/// elsewhere, which would be overwritten.
fn write_reason(folder: BorrowedFd<'_>, entry: &EntryName, reason: &str) -> io::Result<()> {
    let name = layout::reason_name(entry);
    match rustix::fs::unlinkat(folder, &name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, &name, flags, Mode::from_raw_mode(layout::ENTRY_MODE))?;
    fs::File::from(clear_of_standard(file)).write_all(format!("{}\n", printable(reason)).as_bytes())
}

/// When an entry was moved into the folder: moving sets this time, and nobody can set it to another. The time at which the file
/// was written may be long ago, as that of an event that came from a backup.
fn rejected_at(stat: &Stat) -> SystemTime {
    let since = Duration::new(u64::try_from(stat.st_ctime).unwrap_or(0), stat.st_ctime_nsec as u32);
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Deletes a file, or a directory with what is in it, and follows no link.
fn remove(parent: BorrowedFd<'_>, name: &OsStr, max_depth: usize) -> Result<(), Errno> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        unlinked => return unlinked,
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) if max_depth > 0 => {}
        removed => return removed,
    }
    let directory = rustix::fs::openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    for file in Dir::read_from(&directory)? {
        let file = file?;
        let name = OsStr::from_bytes(file.file_name().to_bytes());
        if name != "." && name != ".." {
            remove(directory.as_fd(), name, max_depth - 1)?;
        }
    }
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
}

fn open_or_create(queue: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Never followed: whoever can write to the queue could point the folder anywhere.
    let open = || rustix::fs::openat(queue, layout::FAILED, DIRECTORY | OFlags::NOFOLLOW, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    match create_directory::create_folder(queue, layout::FAILED) {
        Ok(()) | Err(Errno::EXIST) => Ok(open()?),
        Err(errno) => Err(errno.into()),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(Errno) -> FailedError {
    let path = path.to_owned();
    move |errno| FailedError { doing, path: path.clone(), cause: errno.into() }
}
