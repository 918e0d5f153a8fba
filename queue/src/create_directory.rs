//! Creating a queue directory, with the modes that we promise whatever the umask is and whatever a sandbox forbids.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

use crate::layout;

const SET_GROUP_ID: u32 = 0o2000;
/// Mode of a parent directory that we create: other users have to get through.
const PARENT_MODE: u32 = 0o755;

/// Creates a queue directory and its parents, writable for owner and group, with the set-group-id bit so that entries
/// belong to the directory's group. Leaves a directory that exists as it is.
///
/// Where that bit is forbidden (`RestrictSUIDSGID=yes` in a unit), the directory has it only if it inherits it.
///
/// # Errors
/// What the system said.
pub fn create_directory(path: &Path) -> io::Result<()> {
    match create(path, layout::DIRECTORY_MODE) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                create_parents(parent)?;
            }
            create(path, layout::DIRECTORY_MODE)
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
fn create(path: &Path, mode: u32) -> io::Result<()> {
    // Linux takes no set-group-id bit from mkdir, and a sandbox that forbids the bit refuses the call.
    match DirBuilder::new().mode(mode & !SET_GROUP_ID).create(path) {
        Ok(()) => settle_mode(path, mode),
        // Two producers may create it at once. What else exists there, the write that follows tells.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sets the mode of a directory that was just created: the one given to mkdir is cut by the umask, and a broadcaster of the
/// same group must be able to delete.
fn settle_mode(path: &Path, mode: u32) -> io::Result<()> {
    // Not by the path, which somebody may have replaced by a link. A umask that forbids even us to look leaves no other way.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(directory) = rustix::fs::openat(CWD, path, flags, Mode::empty()).map(File::from) else {
        return std::fs::set_permissions(path, Permissions::from_mode(mode));
    };
    let metadata = directory.metadata()?;
    let inherited = metadata.mode() & SET_GROUP_ID;
    let wanted = mode | inherited;
    if metadata.mode() & 0o7777 == wanted {
        return Ok(());
    }
    match directory.set_permissions(Permissions::from_mode(wanted)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && wanted & SET_GROUP_ID != 0 => {
            // Any other mode takes an inherited bit away. The group that it stands for matters more than what the umask has cut.
            if inherited != 0 && metadata.gid() != rustix::process::getegid().as_raw() {
                return Ok(());
            }
            directory.set_permissions(Permissions::from_mode(wanted & !SET_GROUP_ID))
        }
        set => set,
    }
}
