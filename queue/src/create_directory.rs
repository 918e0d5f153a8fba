//! Creating a queue directory and the folders in it, with the modes that we promise whatever the umask is and whatever a sandbox forbids.

use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::descriptor::DIRECTORY;
use crate::layout;

const DIRECTORY_MODE: Mode = Mode::from_raw_mode(layout::DIRECTORY_MODE);
/// Mode of a parent directory that we create: other users have to get through.
const PARENT_MODE: Mode = Mode::from_raw_mode(0o755);

/// Creates a queue directory and its parents, writable for owner and group, with the set-group-id bit so that entries
/// belong to the directory's group. Leaves a directory that exists as it is.
///
/// Where that bit is forbidden (`RestrictSUIDSGID=yes` in a unit), the directory has it only if it inherits it.
///
/// # Errors
/// What the system said.
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
        // Two producers may create it at once. What else exists there, the write that follows tells.
        Err(Errno::EXIST) => Ok(()),
        created => Ok(created?),
    }
}

/// Creates the folder of a queue directory, with the modes of that.
///
/// # Errors
/// What the system said, also that something of that name exists.
pub(crate) fn create_folder(queue: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    create_at(queue, name, DIRECTORY_MODE)
}

fn create_at(parent: BorrowedFd<'_>, path: impl Arg + Copy, mode: Mode) -> Result<(), Errno> {
    // Linux takes no set-group-id bit from mkdir, and a sandbox that forbids the bit refuses the call.
    rustix::fs::mkdirat(parent, path, mode.difference(Mode::SGID))?;
    settle_mode(parent, path, mode)
}

/// Sets the mode of a directory that was just created: the one given to mkdir is cut by the umask, and a broadcaster of the
/// same group must be able to delete.
fn settle_mode(parent: BorrowedFd<'_>, path: impl Arg + Copy, mode: Mode) -> Result<(), Errno> {
    // Not by the path, which somebody may have replaced by a link. A umask that forbids even us to look leaves no other way.
    let Ok(directory) = rustix::fs::openat(parent, path, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) else {
        return rustix::fs::chmodat(parent, path, mode, AtFlags::empty());
    };
    let stat = rustix::fs::fstat(&directory)?;
    let given = Mode::from_raw_mode(stat.st_mode);
    let inherited = given & Mode::SGID;
    let wanted = mode | inherited;
    if given == wanted {
        return Ok(());
    }
    match rustix::fs::fchmod(&directory, wanted) {
        Err(Errno::PERM) if wanted.contains(Mode::SGID) => {
            // Any other mode takes an inherited bit away. The group that it stands for matters more than what the umask has cut.
            if !inherited.is_empty() && stat.st_gid != rustix::process::getegid().as_raw() {
                return Ok(());
            }
            rustix::fs::fchmod(&directory, wanted.difference(Mode::SGID))
        }
        set => set,
    }
}
