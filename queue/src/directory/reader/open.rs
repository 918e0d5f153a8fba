//! Opens a directory in order to consume it, and refuses one that is not a queue: a mistyped path must not make a
//! consumer move or delete the files of others.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, Dir, Mode};
use rustix::io::Errno;

use crate::descriptor::{DIRECTORY, clear_of_standard};
use crate::directory::entry::FileName;
use crate::directory::file::{self, Found, attempt};
use crate::error::OpenError;
use crate::layout;

/// Opens a directory in which this process may delete entries, and not every user may write.
pub(super) fn open(path: &Path) -> Result<OwnedFd, OpenError> {
    let directory = rustix::fs::open(path, DIRECTORY, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => OpenError::Missing(path.to_owned()),
        Errno::NOTDIR => OpenError::NotADirectory(path.to_owned()),
        errno => error(path, "read the queue directory", errno),
    })?;
    let directory = clear_of_standard(directory);
    let stat = rustix::fs::fstat(&directory).map_err(|errno| error(path, "read the queue directory", errno))?;
    if Mode::from_raw_mode(stat.st_mode).contains(Mode::WOTH) {
        return Err(OpenError::WorldWritable(path.to_owned()));
    }
    rustix::fs::accessat(&directory, ".", Access::WRITE_OK, AtFlags::EACCESS)
        .map_err(|errno| error(path, "delete entries in the queue directory", errno))?;
    Ok(directory)
}

/// Refuses a directory that has files which are neither entries nor of a queue, if it was never consumed before. A
/// directory that was consumed is never refused: one wrong file must not stop it.
pub(super) fn check_first_start(path: &Path, directory: &OwnedFd, max_event_bytes: u64) -> Result<(), OpenError> {
    let is_there = |name: &str| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    let of_consumers = [layout::LOCK, layout::FAILED, layout::READER, layout::JOURNAL, layout::POSITIONS];
    if of_consumers.into_iter().any(is_there) {
        return Ok(());
    }
    let unreadable = |errno: Errno| error(path, "list the queue directory", errno);
    for file in Dir::read_from(directory).map_err(unreadable)? {
        let file = file.map_err(unreadable)?;
        let name = OsStr::from_bytes(file.file_name().to_bytes());
        if !may_be_in_a_queue(directory, name, max_event_bytes) {
            return Err(OpenError::NotAQueue { path: path.to_owned(), file: name.to_owned() });
        }
    }
    Ok(())
}

fn may_be_in_a_queue(directory: &OwnedFd, name: &OsStr, max_event_bytes: u64) -> bool {
    if !layout::is_entry(name) {
        return layout::may_be_in_any_directory(name);
    }
    if layout::is_producer_name(name) {
        return true;
    }
    let mut content = Vec::new();
    let name = FileName::new(name);
    match file::read(directory.as_fd(), &name, max_event_bytes, &mut content) {
        Ok(Some(Found { events: Ok(_), .. })) => true,
        // An empty file was most likely created just now, and nothing in it can be lost.
        Ok(Some(Found { stamp, events: Err(_) })) => stamp.size() == 0 || attempt::is_attempt(&name, &content),
        Ok(None) | Err(_) => true,
    }
}

fn error(path: &Path, doing: &'static str, errno: Errno) -> OpenError {
    OpenError::Io { doing, path: path.to_owned(), cause: errno.into() }
}
