//! File descriptors: how directories are opened, how two names of one file are recognised, and how the numbers of
//! standard input, output and error are avoided.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{OFlags, Stat};

/// How a directory is opened. Anything else is refused, and a pipe does not make us wait.
pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How a file is opened that another user can have made. A link must not lead to another file, and a pipe must not make
/// us wait.
pub(crate) const UNTRUSTED_FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Whether both are of the same file or directory.
pub(crate) fn is_same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// The first number after those three.
pub const FIRST_DESCRIPTOR: RawFd = 3;

/// Moves a descriptor that has the number of one of the three, because that one was closed: what the process prints
/// would be written into the file.
pub fn clear_of_standard(descriptor: OwnedFd) -> OwnedFd {
    if descriptor.as_raw_fd() >= FIRST_DESCRIPTOR {
        return descriptor;
    }
    // Without a free number it has to stay.
    rustix::io::fcntl_dupfd_cloexec(&descriptor, FIRST_DESCRIPTOR).unwrap_or(descriptor)
}
