//! Creates a queue directory and the folders in it. They get the promised modes, whatever the umask is, and also in a
//! sandbox that forbids the set-group-id bit.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::descriptor::DIRECTORY;
use crate::layout;

const DIRECTORY_MODE: Mode = Mode::from_raw_mode(layout::DIRECTORY_MODE);
/// Mode of a parent directory that we create: other users must be able to pass through it.
const PARENT_MODE: Mode = Mode::from_raw_mode(0o755);

/// Creates a queue directory and its parents, writable for owner and group, with the set-group-id bit so that entries
/// belong to the directory's group. Leaves a directory that exists as it is.
///
/// Where that bit is forbidden (`RestrictSUIDSGID=yes` in a unit), the directory has it only if it inherits it.
///
/// # Errors
/// The error of the system.
pub fn create_directory(path: &Path) -> io::Result<()> {
    match create(path, DIRECTORY_MODE) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                create_parents(parent)?;
            }
            create(path, DIRECTORY_MODE)
        }
        created => created,
    }
}

fn create_parents(path: &Path) -> io::Result<()> {
    match create(path, PARENT_MODE) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let Some(parent) = path.parent() else { return Err(error) };
            create_parents(parent)?;
            create(path, PARENT_MODE)
        }
        created => created,
    }
}

/// Creates one directory. One that exists is left as it is.
fn create(path: &Path, mode: Mode) -> io::Result<()> {
    match create_at(CWD, path, mode) {
        // Two producers may create it at once. If something else has that name, the write that follows fails.
        Err(Errno::EXIST) => Ok(()),
        created => Ok(created?),
    }
}

/// Creates a folder in a queue directory, with the same mode.
///
/// # Errors
/// The error of the system, also that something of that name exists.
pub(crate) fn create_folder(queue: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    create_at(queue, name, DIRECTORY_MODE)
}

fn create_at(parent: BorrowedFd<'_>, path: impl Arg + Copy, mode: Mode) -> Result<(), Errno> {
    // Linux ignores the set-group-id bit in mkdir, and a sandbox that forbids the bit refuses the call.
    rustix::fs::mkdirat(parent, path, mode.difference(Mode::SGID))?;
    set_mode(parent, path, mode)
}

/// Sets the mode of a directory that was just created: the umask removed bits from the mode in mkdir, and a broadcaster
/// of the same group must be able to delete files.
fn set_mode(parent: BorrowedFd<'_>, path: impl Arg + Copy, mode: Mode) -> Result<(), Errno> {
    // Not by the path, because another process could have replaced it with a link. If the umask leaves us no right to
    // open the directory, there is no other way.
    let Ok(directory) = rustix::fs::openat(parent, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) else {
        return rustix::fs::chmodat(parent, path, mode, AtFlags::empty());
    };
    let stat = rustix::fs::fstat(&directory)?;
    let current = Mode::from_raw_mode(stat.st_mode);
    let inherited = current & Mode::SGID;
    let wanted = mode | inherited;
    if current == wanted {
        return Ok(());
    }
    match rustix::fs::fchmod(&directory, wanted) {
        Err(Errno::PERM) if wanted.contains(Mode::SGID) => {
            // Every other mode would remove an inherited bit. The group that it stands for is more important than the
            // bits that the umask removed.
            if !inherited.is_empty() && stat.st_gid != rustix::process::getegid().as_raw() {
                return Ok(());
            }
            rustix::fs::fchmod(&directory, wanted.difference(Mode::SGID))
        }
        set => set,
    }
}
