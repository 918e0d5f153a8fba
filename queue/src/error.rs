//! One error per operation. Each carries the path and the cause.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;
use thiserror::Error;

/// Why an event was not queued. Nothing is left in the directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// No path was given.
    #[error("the queue path is empty")]
    EmptyPath,
    /// The path cannot name a directory.
    #[error("the queue path contains a NUL byte")]
    NulInPath,
    /// The entry would exceed the limit.
    #[error("the event takes {size} bytes, more than the limit of {limit} bytes")]
    TooLarge {
        /// Bytes of the entry.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The directory was missing and cannot be created.
    #[error("cannot create the queue directory {}: {cause}", .path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The entry cannot be written.
    #[error("cannot write to the queue directory {}: {cause}", .path.display())]
    Write {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// Why a directory cannot be consumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such directory.
    #[error("the queue directory {} does not exist", .0.display())]
    Missing(PathBuf),
    /// The path names something else.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Every user of the machine could speak to every client.
    #[error(
        "the queue directory {path} is writable by every user: whoever writes there speaks to all clients \
         (chmod o-w {path})", path = .0.display()
    )]
    WorldWritable(PathBuf),
    /// Another consumer owns the directory.
    #[error("the queue directory {} is in use by another broadcaster", .0.display())]
    Locked(PathBuf),
    /// The system refused.
    #[error("cannot {doing} {}: {cause}", .path.display())]
    Io {
        /// What was tried, after "cannot".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

impl OpenError {
    /// Whether it can go away while the settings stay as they are: a directory that is mounted late, a file system that is
    /// full or read-only for a while, rights that are given later, an owner that ends.
    pub fn is_passing(&self) -> bool {
        match self {
            OpenError::Missing(_) | OpenError::Locked(_) => true,
            OpenError::NotADirectory(_) | OpenError::WorldWritable(_) => false,
            OpenError::Io { cause, .. } => !matches!(
                Errno::from_io_error(cause),
                // The path itself is wrong, or what stands in the place of the lock file.
                Some(Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL | Errno::NOTDIR | Errno::ISDIR)
            ),
        }
    }
}

/// Why the directory could not be read. Nothing was lost; try again.
#[derive(Debug, Error)]
#[error("cannot read {}: {cause}", .path.display())]
pub struct ScanError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// Why an entry was not deleted. It will not be found again by this reader; try again.
#[derive(Debug, Error)]
#[error("cannot delete {}: {cause}", .path.display())]
pub struct AckError {
    /// The entry.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// Why an entry was not moved to the failed folder. It will not be found again by this reader; try again.
#[derive(Debug, Error)]
#[error("cannot put {} aside: {cause}", .path.display())]
pub struct RejectError {
    /// The file that could not be written or moved.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}
