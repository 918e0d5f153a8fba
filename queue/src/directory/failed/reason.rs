//! The text beside a failed entry: why it was rejected.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::descriptor::{UNTRUSTED_FILE, clear_of_standard};
use crate::directory::entry::FileName;
use crate::layout;
use crate::printable::printable;

/// So much of a reason is read. Ours are shorter.
const MAX_BYTES: u64 = 4096;

/// Reads the reason of an entry, as text without control characters. None if there is no readable reason.
pub(super) fn read(folder: BorrowedFd<'_>, entry: &FileName) -> Option<String> {
    let mut reason = String::new();
    let name = layout::reason_name(entry.as_os_str());
    let file = rustix::fs::openat(folder, name, UNTRUSTED_FILE, Mode::empty()).ok()?;
    File::from(file).take(MAX_BYTES).read_to_string(&mut reason).ok()?;
    reason.lines().next().map(|line| printable(line).into_owned())
}

/// Writes the reason into a new file. The one that has its name may be a pipe, which would make us wait, or a link to a
/// file elsewhere, which would be overwritten.
pub(super) fn write(folder: BorrowedFd<'_>, entry: &FileName, reason: &str) -> io::Result<()> {
    let name = layout::reason_name(entry.as_os_str());
    match rustix::fs::unlinkat(folder, &name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, &name, flags, Mode::from_raw_mode(layout::ENTRY_MODE))?;
    File::from(clear_of_standard(file)).write_all(format!("{}\n", printable(reason)).as_bytes())
}

pub(super) fn remove(folder: BorrowedFd<'_>, entry: &FileName) {
    // A reason that stays does no harm: it is overwritten or deleted with the next entry of that name.
    let _ = rustix::fs::unlinkat(folder, layout::reason_name(entry.as_os_str()), AtFlags::empty());
}
