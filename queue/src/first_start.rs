//! Whether a directory that nobody consumed before is one for events: a mistyped path must not make a consumer move or delete the
//! files of somebody else.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir};
use rustix::io::Errno;

use crate::attempt;
use crate::entry::EntryName;
use crate::entry_file::{self, Found};
use crate::error::OpenError;
use crate::layout;

/// Refuses a directory that has files which are neither entries nor of a queue, if nobody consumed it before. One that was
/// consumed is never refused: a stray file must not stop it.
pub(crate) fn check(path: &Path, directory: &OwnedFd, max_event_bytes: u64) -> Result<(), OpenError> {
    let is_there = |name: &str| rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    if is_there(layout::LOCK) || is_there(layout::FAILED) {
        return Ok(());
    }
    let unreadable =
        |errno: Errno| OpenError::Io { doing: "list the queue directory", path: path.to_owned(), cause: errno.into() };
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
    let name = EntryName::new(name);
    match entry_file::read(directory.as_fd(), &name, max_event_bytes, &mut content) {
        Ok(Some(Found { event: Ok(_), .. })) => true,
        // One that is empty has just been created, most likely, and there is nothing in it to be lost.
        Ok(Some(Found { stamp, event: Err(_) })) => stamp.is_empty() || attempt::is_attempt(&name, &content),
        Ok(None) | Err(_) => true,
    }
}
