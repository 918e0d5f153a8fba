//! One error per operation. Each carries the path and the cause.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::denied;

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
    /// It is the URL of something else than a directory of this machine.
    #[error(
        "the queue path {0} is a URL of {1}://, and a queue is a directory of this machine: give its path, such as \
         /var/lib/fastapi-broadcaster/queue"
    )]
    Url(String, String),
    /// The entry would exceed the limit.
    #[error("the event takes {size} bytes, more than the limit of {limit} bytes")]
    TooLarge {
        /// Bytes of the entry.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The directory was missing and cannot be created.
    #[error("cannot create the queue directory {}: {cause}{}", .path.display(), denied::explain(.path, .cause))]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The entry cannot be written.
    #[error("cannot write to the queue directory {}: {cause}{}", .path.display(), denied::explain(.path, .cause))]
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
