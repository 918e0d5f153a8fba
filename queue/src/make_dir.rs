//! Makes a directory that a group shares: the queue directory and the folders in it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::layout;

/// Makes one directory, readable and writable for owner and group. It gets the set-group-id bit, so that files in it belong to
/// its group, where the system allows that: a sandbox such as `RestrictSUIDSGID` of systemd forbids to set the bit, and the
/// directory is of use without it.
///
/// # Errors
/// What the system said, also that something of that name exists.
pub fn make_shared_dir(path: &Path) -> io::Result<()> {
    Ok(make_shared_dir_at(CWD, path)?)
}

/// The same in an open directory.
pub(crate) fn make_shared_dir_at(parent: BorrowedFd<'_>, path: impl rustix::path::Arg + Copy) -> Result<(), Errno> {
    let shared = Mode::from_raw_mode(layout::DIRECTORY_MODE);
    let without_bit = shared.difference(Mode::SGID);
    match rustix::fs::mkdirat(parent, path, shared) {
        // The filter looks at the mode alone: a directory that inherits the bit from its parent may be made.
        Err(Errno::PERM) => rustix::fs::mkdirat(parent, path, without_bit)?,
        made => made?,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(parent, path, flags, Mode::empty())?;
    // The mode given to mkdir is cut by the umask, and another user of the group must be able to delete. Setting it again
    // could take away a bit that was inherited, so it is done only if something is missing.
    let has = |wanted: Mode| {
        rustix::fs::fstat(&directory).is_ok_and(|stat| Mode::from_raw_mode(stat.st_mode).contains(wanted))
    };
    if has(shared) {
        return Ok(());
    }
    match rustix::fs::fchmod(directory.as_fd(), shared) {
        Err(Errno::PERM) if has(without_bit) => Ok(()),
        Err(Errno::PERM) => rustix::fs::fchmod(directory.as_fd(), without_bit),
        set => set,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_shared_directory_has_the_mode_of_a_queue_and_what_exists_is_left_as_it_is() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("made");
        make_shared_dir(&path).expect("it is made");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, layout::DIRECTORY_MODE);
        let again = make_shared_dir(&path).expect_err("it exists");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}
