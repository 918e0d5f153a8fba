//! Descriptors: of directories, of one file, and clear of standard input, output and error.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{OFlags, Stat};

/// How a directory is opened. Anything else is refused, and a pipe makes nobody wait.
pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Whether two names or descriptors are of one file or directory.
pub(crate) fn is_same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// The first number that is none of the three.
pub const FIRST_DESCRIPTOR: RawFd = 3;

/// Moves a descriptor that was opened while one of the three was closed and has got its number: whatever the process goes on
/// to print would be written into it.
pub fn clear_of_standard(descriptor: OwnedFd) -> OwnedFd {
    if descriptor.as_raw_fd() >= FIRST_DESCRIPTOR {
        return descriptor;
    }
    // Without a free number it has to stay.
    rustix::io::fcntl_dupfd_cloexec(&descriptor, FIRST_DESCRIPTOR).unwrap_or(descriptor)
}
