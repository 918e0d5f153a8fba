//! One error for each operation. Each has the path and the cause.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use thiserror::Error;

use crate::channel::MAX_CHANNELS_OF_EVENT;
use crate::denied;
use crate::limits::MAX_EVENTS_OF_ENTRY;
use crate::open_to_all::remedy_of_open_to_all;
use crate::printable::shown;

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
    /// The path is a URL, and not that of a directory of this machine.
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
    /// No event was given.
    #[error("there is no event to queue")]
    NoEvents,
    /// More events than one entry may hold.
    #[error("{events} events are more than the {MAX_EVENTS_OF_ENTRY} that can be queued at once")]
    TooManyEvents {
        /// How many were given.
        events: usize,
    },
    /// A list of channels without a name.
    #[error("the list of channels is empty: name at least one, or give no list for an event for everybody")]
    NoChannels,
    /// More channels than one event may have.
    #[error("{channels} channels are more than the {MAX_CHANNELS_OF_EVENT} that an event can have")]
    TooManyChannels {
        /// How many were given.
        channels: usize,
    },
    /// The messages for all channels would exceed the limit.
    #[error(
        "the entry takes {size} bytes, times {channels} channels more than the limit of {limit} bytes: queue fewer \
         events at once, or give them fewer channels"
    )]
    TooLargeForChannels {
        /// Bytes of the entry.
        size: usize,
        /// The most channels of one of its events.
        channels: usize,
        /// The limit in bytes.
        limit: u64,
    },
    /// The name is another JSON value.
    #[error("the event name is not a string")]
    NameNotAString,
    /// A text is too short or too long.
    #[error("the {what} has {size} bytes, and may have {least} to {limit}")]
    BadLength {
        /// Which text.
        what: &'static str,
        /// Its bytes.
        size: usize,
        /// The fewest.
        least: usize,
        /// The most.
        limit: usize,
    },
    /// The directory was missing and cannot be created.
    #[error("cannot create the queue directory {}: {cause}{explanation}", shown(.path))]
    #[non_exhaustive]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
        /// Which user has no right to do what, and the remedy. May be empty.
        explanation: String,
    },
    /// The entry cannot be written.
    #[error("cannot write to the queue directory {}: {cause}{explanation}", shown(.path))]
    #[non_exhaustive]
    Write {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
        /// Which user has no right to do what, and the remedy. May be empty.
        explanation: String,
    },
}

impl AppendError {
    /// Nothing was written into the folder `journal`, and this is why.
    pub(crate) fn write(journal: &Path, errno: Errno) -> AppendError {
        let (path, cause) = (journal.to_owned(), errno.into());
        match errno {
            Errno::ACCESS | Errno::PERM | Errno::ROFS => AppendError::NotWritable { path, cause },
            _ => EnqueueError::write(path, cause).into(),
        }
    }
}

impl EnqueueError {
    /// The directory was missing and cannot be created.
    pub fn create_directory(path: PathBuf, cause: io::Error) -> EnqueueError {
        EnqueueError::CreateDirectory { explanation: denied::explain(&path, &cause), path, cause }
    }

    /// The entry cannot be written.
    pub(crate) fn write(path: PathBuf, cause: io::Error) -> EnqueueError {
        EnqueueError::Write { explanation: denied::explain(&path, &cause), path, cause }
    }
}

/// Why events were not appended to the journal. Nothing that counts is left in it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// No consumer has said that it reads the journal of this queue, or there is none: the queue was never read, or by
    /// an older version. The events can be queued as a file.
    #[error("no broadcaster that reads the journal has this queue")]
    NoReader,
    /// A lock tells readers that a segment is still written, and the file system has none, or none is free. The events
    /// can be queued as a file.
    #[error("a file of the journal cannot be locked: {0}")]
    NoLocks(#[source] io::Error),
    /// Another program has locked each new file before its producer could, one that makes copies for example. The events
    /// can be queued as a file.
    #[error("other programs hold locks on new files of the journal")]
    LockedByOthers,
    /// The folder of the journal may not be written, other than the queue directory maybe. The events can be queued as a
    /// file.
    #[error("files in {} cannot be made or written: {cause}", shown(.path))]
    NotWritable {
        /// The folder of the journal.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// The events are refused or cannot be written.
    #[error(transparent)]
    Enqueue(#[from] EnqueueError),
}

/// Why a directory cannot be consumed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such directory.
    #[error(
        "the queue directory {path} does not exist (create it, for example: install -d -o www-data -g www-data -m 2770 \
         {path})", path = shown(.0)
    )]
    Missing(PathBuf),
    /// The path names something else.
    #[error("{} is not a directory (name the directory of the events)", shown(.0))]
    NotADirectory(PathBuf),
    /// Every user of the machine can write to it, and so send events to every client.
    #[error(
        "the queue directory {path} is writable by every user, and so every user can send events to all clients \
         ({remedy})", path = shown(.0), remedy = remedy_of_open_to_all(.0)
    )]
    WorldWritable(PathBuf),
    /// It was never consumed before and holds other files: most likely it is not the directory that was meant.
    #[error(
        "{} holds {}, which is neither an event nor a file of a queue, so this does not seem to be a queue directory: \
         name one that is for events alone, or take that file away", shown(.path), shown(.file)
    )]
    NotAQueue {
        /// The directory.
        path: PathBuf,
        /// One of the files, without its directory.
        file: OsString,
    },
    /// The lock file's name is that of a link, directory, pipe or device.
    #[error("{} is not a regular file: delete it, and the broadcaster creates it again", shown(.0))]
    NotALockFile(PathBuf),
    /// Another consumer owns the directory.
    #[error("the queue directory {} is in use by another broadcaster", shown(.0))]
    Locked(PathBuf),
    /// The system refused.
    #[error("cannot {doing} {}: {cause}", shown(.path))]
    Io {
        /// What was tried, after "cannot".
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
}

impl OpenError {
    /// Whether the same settings may work later: when a directory is mounted, a file system is no longer full or
    /// read-only, rights are given, or the owner ends.
    pub fn is_passing(&self) -> bool {
        match self {
            OpenError::Missing(_) | OpenError::Locked(_) => true,
            OpenError::NotADirectory(_)
            | OpenError::WorldWritable(_)
            | OpenError::NotAQueue { .. }
            | OpenError::NotALockFile(_) => false,
            OpenError::Io { cause, .. } => !matches!(
                Errno::from_io_error(cause),
                // The path itself is wrong.
                Some(Errno::LOOP | Errno::NAMETOOLONG | Errno::INVAL | Errno::NOTDIR)
            ),
        }
    }
}

/// Why the directory could not be read. Nothing was lost; try again.
#[derive(Debug, Error)]
#[error("cannot read {}: {cause}", shown(.path))]
pub struct ScanError {
    /// The file or directory.
    pub path: PathBuf,
    /// The error of the system.
    #[source]
    pub cause: io::Error,
}

/// Why an entry was not deleted. This reader does not find it again; repeat the call.
#[derive(Debug, Error)]
#[error("cannot delete {}: {cause}", shown(.path))]
pub struct AckError {
    /// The entry.
    pub path: PathBuf,
    /// The error of the system.
    #[source]
    pub cause: io::Error,
}

/// Why an entry was not moved to the failed folder. This reader does not find it again; repeat the call.
#[derive(Debug, Error)]
#[error("cannot put {} aside in {}: {cause}{}", shown(.path), shown(.folder), remedy(.cause))]
pub struct RejectError {
    /// The entry.
    pub path: PathBuf,
    /// The failed folder.
    pub folder: PathBuf,
    /// The error of the system.
    #[source]
    pub cause: io::Error,
}

fn remedy(cause: &io::Error) -> &'static str {
    use io::ErrorKind::{NotADirectory, PermissionDenied};

    match cause.kind() {
        NotADirectory => " (move away what is there, it is not a directory)",
        PermissionDenied => " (the broadcaster must be allowed to write to both directories)",
        _ => "",
    }
}
